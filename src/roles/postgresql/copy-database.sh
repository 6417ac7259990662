#!/bin/sh
# The steps of the book's way to move a database, each on one machine; `./dukaan evolve --playbook book` calls them in order.
# The old database becomes read-only, is dumped and restored elsewhere; what both hold is compared; the old one is ended
# (`database fence`), the new one opened. All can be repeated. RUN names who did it. A run that closes the old database
# takes the move over: what another one has begun is of no use to it any more, and what that one still does fails.
#
#   reserve           keeps the shop out of this machine's new, empty database until `open`
#   close RUN         makes the old database read-only, also after a reboot: it goes on as a standby of nobody
#   reopen RUN        lets it accept writes again
#   end RUN           ends it for good (`database fence`), if it has been read-only for that run all the time
#   copy ADDRESS RUN  replaces this machine's reserved database by a copy of the one at ADDRESS
#   objects           prints what a table's checksum does not show: the values of sequences, how many objects there are
#   accept RUN SYSTEM  the copy holds everything that the database SYSTEM has: from now on no other run replaces it
#   release RUN       takes that back, and no run accepts any more what has been copied so far
#   open [SYSTEM]     lets the shop into an accepted copy; backups go on where those of the database SYSTEM ended, unless told
#                     of the one that it was accepted for
# Exits with 75 when another step has been at work here for a minute: then nothing was done.
set -eu
export LC_ALL=C.UTF-8
cd / # postgres may not be where we were called from
data=/var/lib/postgresql/15/main
unit=postgresql@15-main.service
files=/etc/dukaan/postgresql
backups=/var/lib/dukaan/backup
fence=/var/lib/postgresql/dukaan-fenced
# All are beside the data, on a volume that may get another server. Of the old database:
closed=/var/lib/postgresql/dukaan-read-only
# Of the new one: it waits for a copy, and which run made the last; it has one that holds everything; it is in use.
reserved=/var/lib/postgresql/dukaan-reserved
accepted=/var/lib/postgresql/dukaan-accepted
asked=/var/lib/postgresql/dukaan-promoted

fail() {
  echo "$*" >&2
  exit 1
}
as_postgres() { runuser -u postgres -- "$@"; }
ask() { as_postgres psql --no-psqlrc --quiet --tuples-only --no-align --dbname="${2:-postgres}" --command="$1"; }
# Writes a mark that a power cut does not take away.
mark() { # file, text
  printf %s "$2" >"$1.new"
  sync "$1.new"
  mv -f "$1.new" "$1"
  sync "$(dirname "$1")"
}
# One step at a time, those of `database` among them: what a killed run has started goes on until it is done.
take_turns() {
  exec 9>/run/dukaan-database.lock
  flock --wait 60 9 || {
    echo "another run has been at work on this database for a minute" >&2
    exit 75
  }
}
# A copy outlives whoever called it. Those who call this hold the old database closed, or give the move up: what was copied
# for another run is of no use any more, and nobody waits until it is done.
end_copy() { systemctl stop dukaan-copy.scope 2>/dev/null || true; }
from_source() { # address, program, arguments
  from=$1
  shift
  as_postgres env PGPASSFILE="$files/replicator.pgpass" PGSSLMODE=verify-full PGSSLROOTCERT="$files/authority.crt" \
    PGHOST="$from" PGPORT=5432 PGUSER=replicator PGDATABASE=shop PGCONNECT_TIMEOUT=10 "$@" --no-password
}

copy() { # address, run
  [ -e "$reserved" ] || fail "the database of this machine is in use: it is not replaced"
  [ ! -e "$accepted" ] || fail "another run has accepted its copy: it is not replaced"
  mark "$reserved" "$2"
  dump=/var/lib/postgresql/dukaan-dump
  rm -rf "$dump"
  size=$(from_source "$1" psql --no-psqlrc --tuples-only --no-align --command='select pg_database_size(current_database())')
  ask 'drop database if exists shop with (force)'
  free=$(df --output=avail --block-size=1 "$data" | tail -n 1)
  needed=$((size * 3 / 2 + 268435456)) # the database, its dump, and WAL
  [ "$free" -gt "$needed" ] ||
    fail "there is no room for the database: $((free >> 20)) MiB are free, $((needed >> 20)) MiB are needed"
  as_postgres psql --no-psqlrc --quiet --file="$files/setup.sql" >/dev/null
  ask 'revoke connect on database shop from shop'
  jobs=$(sed -n 's/^cores=//p' /etc/dukaan/machine)
  # Two at least: while one waits for the disk another one computes.
  [ "$jobs" -ge 2 ] || jobs=2
  trap 'rm -rf "$dump"' EXIT
  from_source "$1" pg_dump --format=directory --jobs="$jobs" --compress=1 --file="$dump"
  as_postgres pg_restore --dbname=shop --jobs="$jobs" --exit-on-error "$dump"
  rm -rf "$dump"
  # Else the first pages are planned blindly, and read the tables for what their indexes hold.
  as_postgres vacuumdb --quiet --analyze --jobs="$jobs" --dbname=shop
}

objects() {
  as_postgres psql --no-psqlrc --quiet --tuples-only --no-align --dbname=shop --set=ON_ERROR_STOP=1 <<'SQL'
select format('select %L, last_value, is_called from %I.%I', relname, nspname, relname)
from pg_class join pg_namespace on pg_namespace.oid = relnamespace
where relkind = 'S' and nspname = 'public' order by relname \gexec
select kind, count(*) from (
  select format('relations of kind %s', relkind) as kind from pg_class where relnamespace = 'public'::regnamespace
  union all select format('constraints of kind %s', contype) from pg_constraint
    where connamespace = 'public'::regnamespace
  union all select 'valid indexes' from pg_index join pg_class on oid = indexrelid
    where indisvalid and relnamespace = 'public'::regnamespace
  union all select 'triggers' from pg_trigger join pg_class on pg_class.oid = tgrelid
    where not tgisinternal and relnamespace = 'public'::regnamespace
  union all select 'functions' from pg_proc
    where pronamespace = 'public'::regnamespace
      and not exists (select from pg_depend where objid = pg_proc.oid and deptype = 'e')
  union all select 'types' from pg_type where typnamespace = 'public'::regnamespace
  union all select format('owned by %s', relowner::regrole) from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'S')
) found group by kind order by kind;
SQL
}

case $1 in
reserve)
  if [ -e "$asked" ] || [ -e "$reserved" ]; then exit 0; fi
  [ "$(ask "select exists (select from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r')" shop)" = f ] ||
    fail "there is a shop's database on this machine already: it is not replaced by a copy of another"
  mark "$reserved" ""
  # The repository of the backups belongs to the old database.
  install -d -m 0750 -o postgres -g postgres "$backups"
  rm -f "$backups/archiving"
  as_postgres touch "$backups/paused"
  ask 'revoke connect on database shop from shop'
  ;;
close)
  take_turns
  [ ! -e "$fence" ] || fail "this database has ended"
  mark "$closed" "$2"
  if [ ! -e "$data/standby.signal" ]; then
    # What it would follow, or recover to, if it was a standby or was restored once.
    sed -i '/^restore_command\b/d; /^recovery_target/d; /^primary_conninfo\b/d' "$data/postgresql.auto.conf"
    as_postgres touch "$data/standby.signal"
    sync "$data/standby.signal" "$data"
    systemctl restart "$unit"
  fi
  systemctl start "$unit"
  [ "$(ask 'select pg_is_in_recovery()')" = t ] || fail "the database is not read-only"
  ;;
reopen)
  take_turns
  [ ! -e "$fence" ] || fail "this database has ended"
  [ ! -e "$closed" ] || [ "$(cat "$closed")" = "$2" ] || fail "this database was made read-only by another run"
  systemctl start "$unit"
  if [ "$(ask 'select pg_is_in_recovery()')" = t ]; then [ "$(ask 'select pg_promote(true, 30)')" = t ]; fi
  rm -f "$closed"
  ;;
end) exec /usr/local/lib/dukaan/database fence "$2" read-only ;;
copy)
  end_copy
  take_turns
  # In a unit of its own, with the lock: all that belongs to it can be ended, and nothing else.
  exec systemd-run --quiet --scope --collect --unit=dukaan-copy --property=TimeoutStopSec=10 "$0" copy-in-unit "$2" "$3"
  ;;
copy-in-unit) copy "$2" "$3" ;;
objects) objects ;;
accept)
  take_turns
  if [ ! -e "$reserved" ] || [ "$(cat "$reserved")" != "$2" ]; then fail "another run has replaced the copy"; fi
  mark "$accepted" "$2 $3"
  ;;
release)
  end_copy
  take_turns
  [ ! -e "$asked" ] || fail "the copy is in use"
  [ ! -e "$accepted" ] || [ "$(cut -d ' ' -f 1 "$accepted")" = "$2" ] || fail "another run has accepted the copy"
  rm -f "$accepted"
  # An acceptance that is still on its way finds that its copy is not there any more.
  [ ! -e "$reserved" ] || mark "$reserved" ""
  ;;
open)
  take_turns
  if [ ! -e "$reserved" ] && [ -e "$asked" ]; then exit 0; fi
  [ -e "$accepted" ] || fail "nobody has made sure that the copy holds everything"
  # What an earlier version of this program accepted does not say of which database it is.
  system=${2:-$(cut -s -d ' ' -f 2 "$accepted")}
  [ -n "$system" ] || fail "the copy does not say of which database it is: give that one's system identifier"
  # The repository of the backups goes on with this one; see prepare-backups.
  mark /var/lib/postgresql/dukaan-successor-of "$system"
  mark "$asked" ""
  ask 'grant connect on database shop to shop'
  rm -f "$reserved" "$accepted"
  ;;
*)
  echo "unknown step $1" >&2
  exit 64
  ;;
esac
