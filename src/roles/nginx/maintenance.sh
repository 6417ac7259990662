#!/bin/sh
# Closes the shop on this machine with a page that says so, and opens it again; health checks are answered as ever. Both
# can be repeated. It stays closed over a reboot.
#
#   on    every new request gets 503; returns when those under way have ended, after 5 s at most
#   off   opens it again
set -eu
mark=/var/lib/dukaan/maintenance

# Requests that nginx is answering, this question among them.
under_way() { curl --silent --fail --max-time 2 http://127.0.0.1:8099/status | sed -n 's/.*Writing: *\([0-9]*\).*/\1/p'; }

case $1 in
on)
  install -d -m 0755 /var/lib/dukaan
  : >"$mark"
  sync "$mark"
  tries=0
  until [ "$(under_way || echo 1)" -le 1 ] || [ "$tries" -ge 50 ]; do
    tries=$((tries + 1))
    sleep 0.1
  done
  ;;
off) rm -f "$mark" ;;
*)
  echo "unknown step $1" >&2
  exit 64
  ;;
esac
