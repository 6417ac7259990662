#!/bin/sh
# Waits, after servers have left the configuration, until no request is on its way to them: their machines may go then.
# A reload is over at once, but the process before it serves its last requests, and knows the servers that have left.
set -eu
known=/var/lib/dukaan/balanced-servers
now=$(sed -n 's/^ *server \([^ ]*\) .*/\1/p' /etc/haproxy/haproxy.cfg | sort -u)
left=no
if [ -f "$known" ]; then
  while read -r name; do
    echo "$now" | grep -Fqx "$name" || left=yes
  done <"$known"
fi
if [ "$left" = yes ]; then
  master=$(systemctl show --property MainPID --value haproxy.service)
  # As long as the configuration lets an old process live.
  deadline=$(($(date +%s) + 105))
  while [ "$(pgrep --count --parent "$master")" -gt 1 ] && [ "$(date +%s)" -lt "$deadline" ]; do sleep 0.2; done
fi
echo "$now" >"$known"
