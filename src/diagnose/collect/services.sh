# What should run here, as the roles and releases have recorded it, and whether it does.
units=$(cat /var/lib/dukaan/roles/*/current/services | awk -F '\t' '$2 == "yes" { print $1 }')
for link in /opt/dukaan/releases/*/current; do
  [ -L "$link" ] || continue
  service=$(basename "$(dirname "$link")")
  units="$units dukaan-$service@$(basename "$(readlink "$link")").service"
done
# shellcheck disable=SC2086 # the names are separate words
systemctl show --property Id,LoadState,ActiveState,SubState,Type,Result,NRestarts,ExecMainStatus,StateChangeTimestampMonotonic $units |
  awk -F = '/^$/ { print "unit" line; line = ""; next } { line = line "\t" $1 "=" $2 } END { if (line != "") print "unit" line }'
systemctl list-units --failed --plain --no-legend | awk '{ printf "failed\t%s\n", $1 }'
# Which unit a process belongs to, by the control group that systemd gave it.
grep --no-messages --extended-regexp '^([0-9]+:name=systemd|0:):' /proc/[0-9]*/cgroup |
  awk -F / '{ if ($NF ~ /\.(service|scope)$/) printf "process_unit\t%d\t%s\n", $3, $NF }'
