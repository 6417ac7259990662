# What the machine wrote lately. SINCE is the number of seconds to look back; every answer is bounded.
read_journal() { journalctl --quiet --no-pager --since "-${SINCE}s" "$@" </dev/null 2>/dev/null; }

# Requests of at most the last two minutes, from nginx's lines of JSON.
requests=120
[ "$SINCE" -ge $requests ] || requests=$SINCE
journalctl --quiet --no-pager --since "-${requests}s" --identifier nginx --lines 3000 --output short-unix </dev/null 2>/dev/null |
  awk '{
    if (!match($0, /"status":[0-9]+/)) next
    status = substr($0, RSTART + 9, RLENGTH - 9)
    if (!n++) first = $1
    last = $1
    if (status >= 500) { errors++; by[status]++ }
    if (match($0, /"seconds":[0-9.]+/)) { s = substr($0, RSTART + 10, RLENGTH - 10); for (b = 0.005; b < s; b *= 2); slower[b]++ }
  }
  END {
    printf "requests\t%d\t%d\t%.0f\n", n, errors, last - first
    for (status in by) printf "status\t%s\t%d\n", status, by[status]
    for (b in slower) printf "seconds\t%s\t%d\n", b, slower[b]
  }'

read_journal --identifier nginx --priority 4 --lines 2000 --output cat |
  awk '/worker_connections are not enough/ { n++ } END { if (n) printf "nginx_full\t%d\n", n }'
read_journal --dmesg --lines 200 --output short-unix | awk '/Out of memory: Killed process|oom-kill:|Memory cgroup out of memory: Killed/ { sub(/^[^ ]+ [^ ]+ /, ""); printf "oom\t%s\n", substr($0, 1, 200) }' | tail -n 5
# systemd says which service lost its process to SIGKILL; where the kernel's own lines are not seen (containers) this is
# what is left of a kill for want of memory.
read_journal --identifier systemd --lines 2000 --output short-iso |
  awk '/killed by the OOM killer|code=killed, status=9\/KILL|code=exited, status=137|Failed with result .oom-kill./ { when = $1; line = $0; sub(/^[^ ]+ [^ ]+ [^ ]+ /, "", line); printf "killed\t%s\t%s\n", when, substr(line, 1, 200) }' | tail -n 20
read_journal --priority 3 --lines 30 --output short | cut -c 1-300 | awk '{ printf "error\t%s\n", $0 }'
read_journal --unit 'dukaan-*' --lines 500 --output cat | awk '/"level":"(error|fatal)"/ { if (match($0, /"msg":"([^"\\]|\\.)*"/)) print substr($0, RSTART + 7, RLENGTH - 8); }' | sort | uniq -c | sort -rn | head -n 3 |
  awk '{ n = $1; sub(/^ *[0-9]+ /, ""); printf "app_error\t%d\t%s\n", n, substr($0, 1, 160) }'
read_journal --identifier postgresql --lines 2000 --output cat | awk '/duration: [0-9.]+ ms/ { match($0, /duration: [0-9.]+/); d = substr($0, RSTART + 10, RLENGTH - 10); n++; if (d > most) { most = d; sub(/.*ms +(statement|execute [^:]*|bind [^:]*|parse [^:]*): */, ""); slowest = $0 } } END { if (n) printf "slow\t%d\t%.0f\t%s\n", n, most, substr(slowest, 1, 120) }'
