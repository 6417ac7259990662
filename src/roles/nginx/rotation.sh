#!/bin/sh
# Whether balancers send requests to this machine; they see it at their next look (balanced.conf).
#
#   leave SECONDS  no new ones, those under way are finished. Comes back by itself after so many seconds, unless `join`
#                  comes first: whoever took it out may have died
#   drain SECONDS  the same, and waits until those under way are finished, 40 s at most: the machine may go then
#   join           new ones again
#   join seen      the same, and waits until balancers have looked
#   ready SECONDS  waits until the machine could serve, after a boot say; fails when it cannot within so many seconds
#   await SECONDS  the same, and waits until balancers have it back
set -eu
out=/run/dukaan/out-of-rotation
timer=dukaan-rotation-join

disarm() {
  systemctl stop "$timer.timer" 2>/dev/null || true
  systemctl reset-failed "$timer.service" 2>/dev/null || true
}

# Requests that nginx is at, but for the one that asks: those of the balancers' looks are among them, now and then.
under_way() {
  curl --silent --max-time 2 http://127.0.0.1:8099/status | sed -n 's/.*Writing: \([0-9]*\).*/\1/p'
}

case $1 in
leave)
  disarm
  : >"$out"
  # Refused while the machine shuts down, which takes the mark with it.
  systemd-run --quiet --collect --unit="$timer" --on-active="$2" --timer-property=AccuracySec=1s "$0" join ||
    [ "$(systemctl is-system-running || true)" = stopping ] || {
    rm -f "$out"
    exit 1
  }
  # Until balancers have looked, also one that just begins to.
  sleep {{leaveSeconds}}
  ;;
drain)
  "$0" leave "$2"
  deadline=$(($(date +%s) + 40))
  while count=$(under_way) && [ "${count:-0}" -gt 1 ] && [ "$(date +%s)" -lt "$deadline" ]; do sleep 0.1; done
  ;;
join)
  rm -f "$out"
  disarm
  [ "${2:-}" != seen ] || sleep {{joinSeconds}}
  ;;
ready)
  deadline=$(($(date +%s) + $2))
  until curl --silent --insecure --fail --max-time 3 --output /dev/null --header "Host: {{host}}" {{url}}; do
    if [ "$(date +%s)" -ge "$deadline" ]; then
      echo "it does not serve after $2 s: {{url}}" >&2
      exit 1
    fi
    sleep 0.5
  done
  ;;
await)
  "$0" ready "$2"
  sleep {{returnSeconds}}
  ;;
*)
  echo "unknown step $1" >&2
  exit 64
  ;;
esac
