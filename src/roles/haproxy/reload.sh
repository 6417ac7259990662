#!/bin/sh
# reload-haproxy MASTER: has HAProxy take over what has changed, and ends when it has. Its own reload only asks for it, so
# whoever goes on (a role's checks, the next step of `up`) could still meet what was there before.
set -eu
master=$1
before=$(pgrep --parent "$master" || true)
kill -USR2 "$master"
deadline=$(($(date +%s) + 30))
until pgrep --parent "$master" | grep -Fqvx "${before:-none}"; do
  if [ "$(date +%s)" -ge "$deadline" ]; then
    echo "HAProxy has not taken over its configuration within 30 s; it goes on with the one before" >&2
    exit 1
  fi
  sleep 0.1
done
# From its first moment on the new process takes all connections, and tells the old one to take none.
sleep 0.2
