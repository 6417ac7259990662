# Security updates that are known and not installed. Asks no server; the lists are refreshed daily.
nice -n 19 apt-get --simulate -o Debug::NoLocking=1 --quiet upgrade </dev/null |
  awk '/^Inst .*[Ss]ecurity/ { n++; if (n <= 5) names = names " " $2 } END { printf "pending\t%d\t%s\n", n, names }'
