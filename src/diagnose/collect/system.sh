# The machine: memory, kills for want of it, disks, sockets, waiting restarts and updates.
if systemd-detect-virt --quiet --container; then echo "container"; fi
# A container sees its host's processors; the role `base` has written down how many it has.
cores=$(sed -n 's/^cores=//p' /etc/dukaan/machine 2>/dev/null)
if [ -z "$cores" ] || ! systemd-detect-virt --quiet --container; then cores=$(nproc); fi
printf 'cores\t%s\n' "$cores"
printf 'uptime\t%s\n' "$(cut -d ' ' -f 1 /proc/uptime)"
printf 'load\t%s\n' "$(cat /proc/loadavg)"
printf 'page_size\t%s\n' "$(getconf PAGESIZE)"
awk -F ': *' '/^(MemTotal|MemAvailable|SwapTotal|SwapFree):/ { printf "memory\t%s\t%d\n", $1, $2 }' /proc/meminfo
if [ -r /proc/pressure/io ] && ! systemd-detect-virt --quiet --container; then
  awk '{ printf "pressure_io\t%s\t%s\n", $1, substr($2, 7) }' /proc/pressure/io
fi

# Kills by control group: version 1 counts them where the victim was, version 2 in the groups above as well.
find /sys/fs/cgroup/memory -name memory.oom_control 2>/dev/null | while read -r file; do
  kills=$(awk '$1 == "oom_kill" { print $2 }' "$file" 2>/dev/null)
  [ "${kills:-0}" -eq 0 ] || printf 'oom_kills\t%s\t%s\n' "$(basename "$(dirname "$file")")" "$kills"
done
find /sys/fs/cgroup/system.slice -maxdepth 3 -name memory.events.local 2>/dev/null | while read -r file; do
  kills=$(awk '$1 == "oom_kill" { print $2 }' "$file" 2>/dev/null)
  [ "${kills:-0}" -eq 0 ] || printf 'oom_kills\t%s\t%s\n' "$(basename "$(dirname "$file")")" "$kills"
done

# One line a file system that holds data: mount point, KiB in all, KiB free, inodes in all, inodes free.
mounts=$(awk '$3 ~ /^(ext[234]|xfs|btrfs|overlay)$/ && $2 !~ /^\/(run|proc|sys|dev)\// { print $2 }' /proc/mounts | sort -u)
# shellcheck disable=SC2086 # the paths are separate words
stat --file-system --format '%S %b %a %c %d %n' $mounts |
  awk '{ printf "disk\t%s\t%.0f\t%.0f\t%s\t%s\n", $6, $1 * $2 / 1024, $1 * $3 / 1024, $4, $5 }'

ss -Htn state established '( sport = :443 or sport = :80 )' |
  awk '{ total++; peer = $4; sub(/:[0-9]+$/, "", peer); peers[peer]++ }
    END { most = 0; for (p in peers) if (peers[p] > most) { most = peers[p]; who = p }
      printf "web_sockets\t%d\t%d\t%s\n", total, most, who }'
printf 'half_open\t%s\n' "$(ss -Htn state syn-recv | wc -l)"
printf 'files\t%s\n' "$(cat /proc/sys/fs/file-nr)"

if [ -e /run/reboot-required ]; then echo "reboot_required"; fi
# Every certificate that is shown or trusted here, the first one of its file (a key or issuers may stand behind it), with
# who has signed it: the ACME authority, a stand-in for it, else an authority of the stack.
certificate() {
  [ -r "$2" ] || return 0
  printf 'certificate\t%s\t%s\n' "$1" "$2"
  awk '/BEGIN CERTIFICATE/ { n++ } n == 1 { printf "certificate_line\t%s\n", $0 } /END CERTIFICATE/ { exit }' "$2"
}
issued=/var/lib/dukaan/certificate/current
if [ -d /etc/dukaan/acme ]; then
  if [ -e $issued/issued ]; then certificate acme $issued/chain.pem; else certificate stand-in $issued/chain.pem; fi
fi
for file in /etc/nginx/tls/*.pem /etc/haproxy/tls/*.pem /etc/dukaan/postgresql/*.crt /etc/dukaan/database-ca.pem; do
  certificate stack "$file"
done
