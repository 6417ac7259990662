#!/bin/sh
# A reload takes most settings; a few want a restart. This restarts only for those. It asks what the file says, not
# what is pending: the server hears of a reload only a moment after `systemctl reload` has ended.
set -eu
pending=$(runuser -u postgres -- psql --no-psqlrc --tuples-only --no-align \
  --command="select string_agg(name, ' ') from pg_file_settings where error = 'setting could not be applied'")
if [ -n "$pending" ]; then
  echo "restarting PostgreSQL for: $pending"
  systemctl restart postgresql@15-main.service
fi
