#!/bin/sh
# Whether balancers send requests to this machine; they see it at their next look (balanced.conf).
#
#   leave SECONDS  no new ones, those under way are finished. Comes back by itself after so many seconds, unless `join`
#                  comes first: whoever took it out may have died
#   join           new ones again
set -eu
out=/run/dukaan/out-of-rotation
timer=dukaan-rotation-join

disarm() {
  systemctl stop "$timer.timer" 2>/dev/null || true
  systemctl reset-failed "$timer.service" 2>/dev/null || true
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
  sleep 0.8
  ;;
join)
  rm -f "$out"
  disarm
  ;;
*)
  echo "unknown step $1" >&2
  exit 64
  ;;
esac
