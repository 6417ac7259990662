#!/bin/sh
# The steps of moving a database, each on one machine; `./dukaan evolve` calls them in order. All can be repeated.
#
#   status     prints what this machine's database is, as JSON
#   problem    prints the last error of PostgreSQL in its journal; nothing when there was none in the last minutes
#   set-up     makes the shop's database, its owner and who may log in, unless it is read-only while it is copied
#   start      starts PostgreSQL where it does not run, and waits until it answers
#   drain      sends the WAL that waits to the archive, so that ending PostgreSQL takes no time later
#   position   prints the position in the WAL up to which everything is on the disk
#   checksums [POSITION]  prints the position of a moment, then of that moment a line for each table: its name, its number
#              of rows, a checksum that does not depend on their order. A standby replays up to POSITION first
#   fence RUN [read-only]  ends PostgreSQL for good: it does not start again, also after a reboot, until `unfence`. Prints
#              the position in the WAL at which it ended. RUN names who did it; with `read-only` only if the database has
#              accepted no write since that run closed it
#   adopt RUN OTHER  the fence of OTHER is RUN's from now on
#   unfence RUN  takes that one's fence away and starts PostgreSQL
#   await POSITION [SECONDS]  waits until a standby has replayed up to there, 3 seconds unless told
#   promote    makes a standby accept writes
#   forget     removes a database that is fenced, a standby, half a copy or reserved for one, with its data
# Exits with 75 when another step has been at work here for a minute: then nothing was done.
set -eu
export LC_ALL=C.UTF-8
cd / # postgres may not be where we were called from
data=/var/lib/postgresql/15/main
binaries=/usr/lib/postgresql/15/bin
unit=postgresql@15-main.service
# What says what the data is stands beside it, on a volume that may get another server.
fence=/var/lib/postgresql/dukaan-fenced
# It is being made a copy: until that is done, what there is of it is of no value. See become-standby.
begun=/var/lib/postgresql/dukaan-standby-begun
# A standby was asked to take over: from then on it may do so at any time.
asked=/var/lib/postgresql/dukaan-promoted
# It is read-only while it is copied; it is to become a copy; it has become one that holds everything. See copy-database.
closed=/var/lib/postgresql/dukaan-read-only
reserved=/var/lib/postgresql/dukaan-reserved
accepted=/var/lib/postgresql/dukaan-accepted
backups=/var/lib/dukaan/backup

fail() {
  echo "$*" >&2
  exit 1
}
as_postgres() { runuser -u postgres -- "$@"; }
# Debian's `psql` is a wrapper that takes longer than most of our questions.
psql() { as_postgres "$binaries/psql" --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@"; }
ask() { psql --dbname="${2:-postgres}" --command="$1"; }
control() { "$binaries/pg_controldata" --pgdata="$data" | sed -n "s/^$1: *//p"; }
is_running() { as_postgres "$binaries/pg_ctl" status --pgdata="$data" >/dev/null 2>&1; }
# Ended with everything on the disk; one that is read-only ends as a standby does.
has_ended() {
  case $(control 'Database cluster state') in
  'shut down') ;;
  'shut down in recovery') [ -e "$closed" ] ;;
  *) return 1 ;;
  esac
}
# Whoever called us may be gone, and another one call: what changes a database is done one after the other.
alone() {
  exec 9>/run/dukaan-database.lock
  flock --wait 60 9 || {
    echo "another step of a move has been at work here for a minute" >&2
    exit 75
  }
}

status() {
  if [ -e "$begun" ]; then
    echo '{"state":"unfinished"}'
  elif [ ! -s "$data/PG_VERSION" ]; then
    echo '{"state":"none"}'
  elif [ -e "$fence" ]; then
    clean=false
    if ! is_running && has_ended; then clean=true; fi
    printf '{"state":"fenced","by":"%s","clean":%s,"ended":"%s","timeline":%d,"system":"%s"}\n' "$(cat "$fence")" "$clean" \
      "$(control 'Latest checkpoint location')" "$(control "Latest checkpoint's TimeLineID")" \
      "$(control 'Database system identifier')"
  elif [ -e "$closed" ]; then
    printf '{"state":"read-only","by":"%s","system":"%s"}\n' "$(cat "$closed")" "$(control 'Database system identifier')"
  elif [ -e "$reserved" ]; then
    if [ -e "$accepted" ]; then
      of=$(cut -s -d ' ' -f 2 "$accepted")
      printf '{"state":"reserved","accepted":"%s"%s}\n' "$(cut -d ' ' -f 1 "$accepted")" "${of:+,\"system\":\"$of\"}"
    else
      echo '{"state":"reserved","accepted":null}'
    fi
  else
    promoted=false
    [ ! -e "$asked" ] || promoted=true
    ask "select json_build_object(
      'state', case when pg_is_in_recovery() then 'standby' else 'primary' end,
      'system', (select system_identifier::text from pg_control_system()),
      'timeline', coalesce((select received_tli from pg_stat_wal_receiver),
        (select timeline_id from pg_control_checkpoint())),
      'streaming', exists (select from pg_stat_wal_receiver where status = 'streaming'),
      'asked', $promoted,
      'position', case when pg_is_in_recovery()
        then greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) else pg_current_wal_flush_lsn() end,
      'lastCommit', pg_last_xact_replay_timestamp(),
      'heard', (select json_build_object('at', last_msg_receipt_time, 'behind',
        greatest(0, latest_end_lsn - greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())))
        from pg_stat_wal_receiver),
      'oldest', (select min(name) from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$'))" 2>/dev/null ||
      printf '{"state":"stopped","starting":%s,"asked":%s,"standby":%s}\n' "$(is_running && echo true || echo false)" \
        "$promoted" "$([ -e "$data/standby.signal" ] && echo true || echo false)"
  fi
}

await() {
  ask "do \$\$
    declare deadline timestamptz := clock_timestamp() + interval '$2 s';
    begin
      while pg_last_wal_replay_lsn() < '$1' loop
        if clock_timestamp() > deadline then
          raise 'the standby has not come to $1 within $2 s, it is at %', pg_last_wal_replay_lsn();
        end if;
        perform pg_sleep(0.005);
      end loop;
    end \$\$"
}

case $1 in
status) status ;;
problem)
  journalctl --identifier=postgresql --since=-10min --output=cat --no-pager 2>/dev/null |
    grep -E 'FATAL|PANIC|ERROR' | tail -n 1 || true
  ;;
set-up)
  if [ -e "$closed" ]; then exit 0; fi
  psql --dbname=postgres --file=/etc/dukaan/postgresql/setup.sql
  ;;
start)
  alone
  [ ! -e "$fence" ] || fail "this database was ended"
  systemctl start "$unit" 9>&-
  deadline=$(($(date +%s) + 30))
  until ask 'select 1' >/dev/null 2>&1; do
    [ "$(date +%s)" -lt "$deadline" ] || fail "PostgreSQL does not start: $("$0" problem)"
    sleep 0.2
  done
  ;;
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
checksums)
  [ -z "${2:-}" ] || await "$2" 3
  # The first line is out before the rest is read: everything is of the moment at which it was written.
  psql --dbname=shop <<'SQL'
begin isolation level repeatable read read only;
select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end;
select format('select %L, count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) from %I.%I t', relname, nspname, relname)
  from pg_class join pg_namespace on pg_namespace.oid = relnamespace
  where relkind in ('r', 'p') and nspname = 'public' order by relname
\gexec
commit;
SQL
  ;;
fence)
  alone
  [ ! -e "$fence" ] || [ "$(cat "$fence")" = "$2" ] || fail "this database was ended by another run"
  if [ "${3:-}" = read-only ]; then
    if [ ! -e "$closed" ] || [ "$(cat "$closed")" != "$2" ]; then fail "another run has taken the move over"; fi
    [ -e "$data/standby.signal" ] || fail "the database is not read-only"
  fi
  # Before it ends: from here on nothing starts it again.
  printf %s "$2" >"$fence.new"
  mv "$fence.new" "$fence"
  sync "$fence" /var/lib/postgresql
  # A fast shutdown, as `systemctl stop` asks for in a tenth of a second more: standbys get everything up to its last record.
  # Its file may be of before a power cut, and the number somebody else's by now.
  if postmaster=$(head -n 1 "$data/postmaster.pid" 2>/dev/null) && [ "/proc/$postmaster/cwd" -ef "$data" ] &&
    kill -INT "$postmaster" 2>/dev/null; then
    deadline=$(($(date +%s) + 4))
    while kill -0 "$postmaster" 2>/dev/null; do
      [ "$(date +%s)" -lt "$deadline" ] || fail "PostgreSQL does not end within 3 s: does its standby still answer it?"
      sleep 0.01
    done
  fi
  # Else it ends with WAL that no standby has. One that is read-only has written none since before it was copied: while there
  # is `standby.signal`, which PostgreSQL removes before it accepts a write, all that it holds is in the copy that was compared
  # with it. However it has ended, also if it can never start again, nothing is lost.
  [ "${3:-}" = read-only ] || has_ended || fail "PostgreSQL has not ended cleanly: $(control 'Database cluster state')"
  control 'Latest checkpoint location'
  ;;
adopt)
  alone
  [ "$(cat "$fence")" = "$3" ] || [ "$(cat "$fence")" = "$2" ] || fail "this database was ended by another run"
  printf %s "$2" >"$fence.new"
  mv "$fence.new" "$fence"
  sync "$fence" /var/lib/postgresql
  ;;
unfence)
  alone
  [ -e "$fence" ] || exit 0
  [ "$(cat "$fence")" = "$2" ] || fail "this database was ended by another run"
  # One that waits for its standby on its way down does not come back by itself; recovery after a crash loses nothing.
  if is_running && ! ask 'select 1' >/dev/null 2>&1; then
    as_postgres "$binaries/pg_ctl" stop --pgdata="$data" --mode=immediate --silent
  fi
  rm -f "$fence"
  sync /var/lib/postgresql
  systemctl start "$unit" 9>&-
  ;;
await) await "$2" "${3:-3}" ;;
promote)
  alone
  [ -s "$data/PG_VERSION" ] || fail "there is no database on this machine that could take over"
  # Its WAL continues what is archived, and belongs to the same repository.
  rm -f "$backups/paused"
  if [ ! -e "$backups/archiving" ]; then
    install -d -m 0750 -o postgres -g postgres "$backups"
    install -m 0640 -o postgres -g postgres /dev/null "$backups/archiving"
  fi
  : >"$asked"
  sync "$asked" /var/lib/postgresql
  # Its own way to wait looks ten times a second only.
  ask "do \$\$
    declare deadline timestamptz := clock_timestamp() + interval '30 s';
    begin
      if pg_is_in_recovery() then perform pg_promote(false); end if;
      while pg_is_in_recovery() loop
        if clock_timestamp() > deadline then raise 'the standby does not take over within 30 s'; end if;
        perform pg_sleep(0.005);
      end loop;
    end \$\$"
  ;;
forget)
  # A copy that a killed run has left going; the one of a database that holds everything is done. See copy-database.
  if [ -e "$reserved" ] && [ ! -e "$accepted" ]; then systemctl stop dukaan-copy.scope 2>/dev/null || true; fi
  alone
  if [ ! -e "$fence" ] && [ ! -e "$begun" ] && [ -s "$data/PG_VERSION" ]; then
    [ ! -e "$asked" ] || fail "this database was asked to take over: it is not removed"
    [ ! -e "$closed" ] || fail "this database is in use: $(status)"
    if [ ! -e "$reserved" ]; then
      # A standby that does not run is one as well.
      [ -e "$data/standby.signal" ] || fail "this database is in use: $(status)"
      systemctl stop "$unit"
      case $(control 'Database cluster state') in
      'shut down in recovery' | 'in archive recovery') ;;
      *) fail "this database has taken over: it is not removed" ;;
      esac
    fi
  fi
  systemctl disable --quiet --now "$unit"
  # At once, so that one that is cut off here does not leave what looks like another kind of database.
  if [ -e "$data" ]; then
    rm -rf "$data.forgotten"
    mv -T "$data" "$data.forgotten"
    sync "$(dirname "$data")"
  fi
  rm -rf "$data.forgotten" "$fence" "$asked" "$closed" "$reserved" "$accepted" "$begun" \
    /var/lib/postgresql/dukaan-successor-of /var/lib/postgresql/dukaan-dump
  ;;
*)
  echo "unknown step $1" >&2
  exit 64
  ;;
esac
