# What only two looks can tell: processor time, of the machine and of each process, and the counters of app and nginx.
printf 'time\t%s\n' "$(date +%s%N)"
read -r _ cpu < /proc/stat
printf 'cpu\t%s\n' "$cpu"

# A container has its share of the processors, not those of its host.
group=/sys/fs/cgroup
if systemd-detect-virt --quiet --container; then
  if [ -r $group/cpu.max ]; then
    printf 'quota\t%s\n' "$(cat $group/cpu.max)"
    printf 'used\t%s\n' "$(awk '$1 == "usage_usec" { printf "%.0f", $2 * 1000 }' $group/cpu.stat)"
  elif [ -r $group/cpuacct/cpuacct.usage ]; then
    printf 'quota\t%s %s\n' "$(cat $group/cpu/cpu.cfs_quota_us)" "$(cat $group/cpu/cpu.cfs_period_us)"
    printf 'used\t%s\n' "$(cat $group/cpuacct/cpuacct.usage)"
  fi
fi

# pid, name, state, ticks of processor time, pages in memory. The name stands in brackets and may contain anything.
cat /proc/[0-9]*/stat 2>/dev/null | awk '{
  open = index($0, "("); for (close_ = length($0); substr($0, close_, 1) != ")"; close_--);
  split(substr($0, close_ + 2), field, " ")
  printf "process\t%d\t%s\t%s\t%d\t%d\n", $1, substr($0, open + 1, close_ - open - 1), field[1], field[12] + field[13], field[22]
}'

# Nanoseconds for which processes were ready and had no processor.
cat /proc/[0-9]*/schedstat 2>/dev/null | awk '{ waited += $2 } END { printf "waited\t%.0f\n", waited }'

if [ -S /run/dukaan/api.sock ]; then
  metrics=$(curl --silent --fail --max-time 2 --unix-socket /run/dukaan/api.sock http://localhost/metrics) &&
    printf '%s\n' "$metrics" | awk '/^(http_request_duration_seconds|http_requests_refused_total|db_pool_connections|nodejs_eventloop_lag_(mean|p99)_seconds)/ { printf "metric\t%s\t%s\n", $1, $2 }' ||
    printf 'silent\tapp\n'
fi
if [ -d /etc/nginx ]; then
  status=$(curl --silent --fail --max-time 2 http://127.0.0.1:8099/status) &&
    printf '%s\n' "$status" | awk '/^Active/ { printf "nginx_active\t%d\n", $3 } /^ *[0-9]+ [0-9]+ [0-9]+/ { printf "nginx_requests\t%d\n", $3 }' ||
    printf 'silent\tnginx\n'
fi
