#!/bin/sh
# The steps of moving a database, each on one machine; `./dukaan evolve` calls them in order. All can be repeated.
#
#   status     prints what this machine's database is, as JSON
#   drain      sends the WAL that waits to the archive, so that ending PostgreSQL takes no time later
#   position   prints the position in the WAL up to which everything is on the disk
#   probe MILLISECONDS    prints whether every table can be read in that time: yes or no
#   checksums [POSITION]  prints a line for each table: its name, its number of rows, a checksum that does not depend on
#              their order. A standby replays up to POSITION first
#   fence RUN  ends PostgreSQL for good: it does not start again, also after a reboot, until `unfence`. Prints the
#              position in the WAL at which it ended. RUN names who did it
#   unfence RUN  takes that one's fence away and starts PostgreSQL
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
# A standby was asked to take over: from then on it may do so at any time.
asked=/var/lib/dukaan/postgresql-promoted
backups=/var/lib/dukaan/backup

fail() {
  echo "$*" >&2
  exit 1
}
as_postgres() { runuser -u postgres -- "$@"; }
ask() { as_postgres psql --no-psqlrc --quiet --tuples-only --no-align --dbname="${2:-postgres}" --command="$1"; }
control() { as_postgres "$binaries/pg_controldata" --pgdata="$data" | sed -n "s/^$1: *//p"; }
is_running() { as_postgres "$binaries/pg_ctl" status --pgdata="$data" >/dev/null 2>&1; }

status() {
  if [ ! -s "$data/PG_VERSION" ]; then
    echo '{"state":"none"}'
  elif [ -e "$fence" ]; then
    clean=false
    if ! is_running && [ "$(control 'Database cluster state')" = 'shut down' ]; then clean=true; fi
    printf '{"state":"fenced","by":"%s","clean":%s,"ended":"%s","timeline":%d}\n' "$(cat "$fence")" "$clean" \
      "$(control 'Latest checkpoint location')" "$(control "Latest checkpoint's TimeLineID")"
  else
    promoted=false
    [ ! -e "$asked" ] || promoted=true
    ask "select json_build_object(
      'state', case when pg_is_in_recovery() then 'standby' else 'primary' end,
      'system', (select system_identifier::text from pg_control_system()),
      'timeline', coalesce((select received_tli from pg_stat_wal_receiver),
        (select timeline_id from pg_control_checkpoint())),
      'streaming', exists (select from pg_stat_wal_receiver where status = 'streaming'),
      'asked', $promoted)" 2>/dev/null ||
      echo '{"state":"stopped"}'
  fi
}

list_checksums() {
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
    [ "$(date +%s)" -lt "$deadline" ] || fail "the standby has not come to $1 within 3 s: $(status)"
    sleep 0.02
  done
}

case $1 in
status) status ;;
drain)
  ask 'checkpoint'
  [ -e "$backups/archiving" ] || exit 0
  file=$(ask 'select pg_walfile_name(pg_switch_wal())')
  deadline=$(($(date +%s) + 30))
  until [ "$(ask "select coalesce(last_archived_wal >= '$file', false) from pg_stat_archiver")" = t ]; do
    [ "$(date +%s)" -lt "$deadline" ] || fail "the WAL is not in the object storage within 30 s: $file"
    sleep 0.2
  done
  ask 'checkpoint'
  ;;
position) ask 'select pg_current_wal_flush_lsn()' ;;
probe)
  export PGOPTIONS="-c statement_timeout=$2"
  if list_checksums >/dev/null 2>&1; then echo yes; else echo no; fi
  ;;
checksums)
  [ -z "${2:-}" ] || await "$2"
  list_checksums
  ;;
fence)
  # Before it ends: from here on nothing starts it again.
  install -d -m 0755 /var/lib/dukaan
  [ -e "$fence" ] || printf %s "$2" >"$fence"
  sync "$fence" /var/lib/dukaan
  systemctl stop "$unit"
  if is_running; then fail "PostgreSQL does not stop"; fi
  # Else it ends with WAL that no standby has.
  state=$(control 'Database cluster state')
  [ "$state" = 'shut down' ] || fail "PostgreSQL has not ended cleanly: $state"
  control 'Latest checkpoint location'
  ;;
unfence)
  [ ! -e "$fence" ] || [ "$(cat "$fence")" = "$2" ] || fail "this database was ended by another run"
  rm -f "$fence"
  systemctl start "$unit"
  ;;
await) await "$2" ;;
promote)
  # Its WAL continues what is archived, and belongs to the same repository.
  install -d -m 0750 -o postgres -g postgres "$backups"
  as_postgres touch "$backups/archiving"
  : >"$asked"
  sync "$asked" /var/lib/dukaan
  if [ "$(ask 'select pg_is_in_recovery()')" = t ]; then [ "$(ask 'select pg_promote(true, 30)')" = t ]; fi
  ;;
forget)
  if [ ! -e "$fence" ] && [ -s "$data/PG_VERSION" ]; then
    [ ! -e "$asked" ] || fail "this database was asked to take over: it is not removed"
    # A standby that does not run is one as well.
    [ -e "$data/standby.signal" ] || fail "this database is in use: $(status)"
    systemctl stop "$unit"
    case $(control 'Database cluster state') in
    'shut down in recovery' | 'in archive recovery') ;;
    *) fail "this database has taken over: it is not removed" ;;
    esac
  fi
  systemctl disable --quiet --now "$unit"
  rm -rf "$data" "$fence" "$asked" /var/lib/dukaan/standby-of /var/lib/dukaan/standby-begun
  ;;
*)
  echo "unknown step $1" >&2
  exit 64
  ;;
esac
