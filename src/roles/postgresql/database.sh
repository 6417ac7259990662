#!/bin/sh
# The steps of moving a database, each on one machine; `./dukaan evolve` calls them in order. All can be repeated.
#
#   status     prints what this machine's database is, as JSON
#   checkpoint writes dirty pages now, so that ending PostgreSQL takes no time later
#   position   prints the position in the WAL up to which everything is on the disk
#   checksums [POSITION]  prints a line for each table: its name, its number of rows, a checksum that does not depend on
#              their order. A standby replays up to POSITION first
#   fence      ends PostgreSQL for good: it does not start again, also after a reboot, until `unfence`. Prints the
#              position in the WAL at which it ended
#   unfence    takes the fence away and starts PostgreSQL
#   await POSITION  waits for a few seconds until a standby has replayed up to there
#   promote    makes a standby accept writes
#   forget     removes a database that is fenced or a standby, with its data
set -eu
export LC_ALL=C.UTF-8
cd / # postgres may not be where we were called from
data=/var/lib/postgresql/15/main
binaries=/usr/lib/postgresql/15/bin
unit=postgresql@15-main.service
fence=/var/lib/dukaan/postgresql-fenced

as_postgres() { runuser -u postgres -- "$@"; }
ask() { as_postgres psql --no-psqlrc --quiet --tuples-only --no-align --dbname="${2:-postgres}" --command="$1"; }
control() { as_postgres "$binaries/pg_controldata" --pgdata="$data" | sed -n "s/^$1: *//p"; }

status() {
  if [ ! -s "$data/PG_VERSION" ]; then
    echo '{"state":"none"}'
  elif [ -e "$fence" ]; then
    printf '{"state":"fenced","ended":"%s"}\n' "$(control 'Latest checkpoint location')"
  else
    ask "select json_build_object(
      'state', case when pg_is_in_recovery() then 'standby' else 'primary' end,
      'position', case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end,
      'system', (select system_identifier::text from pg_control_system()),
      'streaming', exists (select from pg_stat_wal_receiver where status = 'streaming'),
      'holdsShop', exists (select from pg_database where datname = 'shop'),
      'bytes', (select coalesce(sum(pg_database_size(oid)), 0) from pg_database))" 2>/dev/null ||
      echo '{"state":"stopped"}'
  fi
}

checksums() {
  ask "select format(
      'select %L, count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) from %I.%I t;',
      relname, nspname, relname)
    from pg_class join pg_namespace on pg_namespace.oid = relnamespace
    where relkind in ('r', 'p') and nspname = 'public' order by relname" shop |
    as_postgres psql --no-psqlrc --quiet --tuples-only --no-align --dbname=shop --set=ON_ERROR_STOP=1
}

# Waits until a standby has replayed up to a position, for a few seconds: nobody writes meanwhile.
await() {
  deadline=$(($(date +%s) + 3))
  until [ "$(ask "select pg_last_wal_replay_lsn() >= '$1'")" = t ]; do
    if [ "$(date +%s)" -ge "$deadline" ]; then
      echo "the standby has not come to $1 within 3 s: $(status)" >&2
      exit 1
    fi
    sleep 0.02
  done
}

case $1 in
status) status ;;
checksums)
  [ -z "${2:-}" ] || await "$2"
  checksums
  ;;
await) await "$2" ;;
checkpoint) ask 'checkpoint' ;;
position) ask 'select pg_current_wal_flush_lsn()' ;;
fence)
  # Before it ends: from here on nothing starts it again.
  install -d -m 0755 /var/lib/dukaan
  : >"$fence"
  sync "$fence" /var/lib/dukaan
  systemctl stop "$unit"
  if as_postgres "$binaries/pg_ctl" status --pgdata="$data" >/dev/null 2>&1; then
    echo "PostgreSQL does not stop" >&2
    exit 1
  fi
  control 'Latest checkpoint location'
  ;;
unfence)
  rm -f "$fence"
  systemctl start "$unit"
  ;;
promote)
  # Its WAL continues what is archived, and belongs to the same repository.
  install -d -m 0750 -o postgres -g postgres /var/lib/dukaan/backup
  as_postgres touch /var/lib/dukaan/backup/archiving
  if [ "$(ask 'select pg_is_in_recovery()')" = t ]; then [ "$(ask 'select pg_promote(true, 30)')" = t ]; fi
  ;;
forget)
  case $(status) in
  *'"primary"'* | *'"stopped"'*)
    echo "this database is in use: $(status)" >&2
    exit 1
    ;;
  esac
  systemctl disable --quiet --now "$unit"
  rm -rf "$data" "$fence" /var/lib/dukaan/standby-of /var/lib/dukaan/standby-begun
  ;;
*)
  echo "unknown step $1" >&2
  exit 64
  ;;
esac
