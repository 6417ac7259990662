# PostgreSQL and PgBouncer, where they run. As their own user over their sockets; every question has a limit.
export PGOPTIONS='-c statement_timeout=2s' PGCONNECT_TIMEOUT=2 PGAPPNAME=dukaan-diagnose
if [ -d /etc/postgresql/15/main ]; then
  echo "postgresql"
  runuser -u postgres -- psql --no-psqlrc --quiet --tuples-only --no-align --field-separator='	' --dbname=postgres <<'SQL' 2>&1
select 'max_connections', setting from pg_settings where name = 'max_connections';
select 'connections', count(*), count(*) filter (where state = 'active'), count(*) filter (where state like 'idle in transaction%')
  from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid();
-- Who waits for a lock, for how long, and who holds it up.
select 'blocked', a.pid, round(extract(epoch from clock_timestamp() - a.query_start)), b.pid, b.state,
    round(extract(epoch from clock_timestamp() - b.xact_start)), coalesce(nullif(b.application_name, ''), b.usename),
    left(regexp_replace(regexp_replace(b.query, '''[^'']*''', '''…''', 'g'), '\s+', ' ', 'g'), 120)
  from pg_stat_activity a cross join unnest(pg_blocking_pids(a.pid)) blocker join pg_stat_activity b on b.pid = blocker
  order by a.query_start limit 20;
select 'running', pid, round(extract(epoch from clock_timestamp() - query_start)), coalesce(nullif(application_name, ''), usename),
    left(regexp_replace(regexp_replace(query, '''[^'']*''', '''…''', 'g'), '\s+', ' ', 'g'), 120)
  from pg_stat_activity
  where state = 'active' and backend_type = 'client backend' and pid <> pg_backend_pid()
    and application_name <> 'pg_basebackup' and clock_timestamp() - query_start > interval '5 seconds'
  order by query_start limit 5;
select 'archiver', failed_count, coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false),
    coalesce(round(extract(epoch from clock_timestamp() - last_archived_time))::text, ''), coalesce(last_failed_wal, '')
  from pg_stat_archiver where current_setting('archive_mode') <> 'off';
\connect shop
select 'statement', calls, round(mean_exec_time::numeric, 1), round(total_exec_time::numeric), left(regexp_replace(query, '\s+', ' ', 'g'), 120)
  from pg_stat_statements where calls > 5 order by total_exec_time desc limit 3;
SQL
fi
if [ -f /etc/pgbouncer/pgbouncer.ini ]; then
  echo "pgbouncer"
  # Its console knows no statement_timeout.
  unset PGOPTIONS
  runuser -u postgres -- psql --no-psqlrc --quiet --no-align --field-separator='	' --host=/run/pgbouncer --port=6432 \
    --username=pgbouncer --command='show pools' pgbouncer 2>&1 | awk '{ printf "pool\t%s\n", $0 }'
fi
