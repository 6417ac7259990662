#!/bin/sh
# A reload takes most settings; a few want a restart. This restarts only for those.
set -eu
pending=$(runuser -u postgres -- psql --no-psqlrc --tuples-only --no-align \
  --command="select string_agg(name, ' ') from pg_settings where pending_restart")
if [ -n "$pending" ]; then
  echo "restarting PostgreSQL for: $pending"
  systemctl restart postgresql@15-main.service
fi
