#!/bin/sh
# Replaces this machine's database by one from the backups, step by step; `./dukaan restore` calls the steps in order.
# Every step can be repeated, and a restore that was cut off begins anew with `begin`.
#
#   history [TIMELINE]             prints a timeline's number, by default the latest, and the text of its history file
#   wal                            prints the names of all WAL files in the backups
#   room BYTES                     fails if there is no room for a database of BYTES beside the present one
#   begin                          stops PostgreSQL and moves the present database aside; prints where it is then
#   fetch LABEL TIMELINE [TARGET]  copies the backup LABEL and tells PostgreSQL how far to recover: along TIMELINE up to
#                                  TARGET ("2026-01-31 12:00:00.000+00"), or as far as there is WAL
#   recover [anyway]               starts PostgreSQL and waits until it accepts writes. If there is no WAL up to the target
#                                  it stops before it has changed anything, or with `anyway` takes what there is. Prints
#                                  {"reached", "restoredTo"}
#   finish                         sets passwords and grants as the program wants them now, and starts the schedule of
#                                  backups
set -eu
export LC_ALL=C.UTF-8
data=/var/lib/postgresql/15/main
binaries=/usr/lib/postgresql/15/bin
unit=postgresql@15-main.service
state=/var/lib/dukaan/restore
backups=/var/lib/dukaan/backup

fail() {
  echo "$*" >&2
  exit 1
}
as_postgres() { runuser -u postgres -- "$@"; }
ask() { as_postgres psql --no-psqlrc --quiet --tuples-only --no-align --dbname=postgres --command="$1"; }

# Whether the data directory is what a restore that was cut off has left: nothing of value.
is_unfinished() {
  [ -e "$state/under-way" ] || return 1
  # pgBackRest copies the control file last; PostgreSQL removes the signal when it has recovered.
  [ ! -e "$data/global/pg_control" ] || [ -e "$data/recovery.signal" ]
}

# A repository that an upgrade of PostgreSQL went through has several archives; the last one counts.
find_archive() {
  archive=archive/shop/$(as_postgres pgbackrest repo-ls archive/shop | grep -E '^[0-9]+-[0-9]+$' | sort -V | tail -n 1)
}

wal() {
  find_archive
  # Partial files, which end a timeline, are not used in a recovery.
  as_postgres pgbackrest repo-ls "$archive" --recurse | sed -n 's|^.*/\([0-9A-F]\{24\}\)-.*|\1|p'
}

history() { # timeline
  find_archive
  files=$(as_postgres pgbackrest repo-ls "$archive" --filter='^[0-9A-F]{8}\.history$' | sort)
  wanted=$(printf '%08X' "${1:-0x0$(echo "$files" | tail -n 1 | cut -d . -f 1)}")
  [ "$wanted" != 00000000 ] || wanted=00000001
  printf '%d\n' "0x$wanted"
  # The first one has no history.
  [ "$wanted" != 00000001 ] || return 0
  echo "$files" | grep -q "^$wanted" || fail "there is no timeline $1 in the backups"
  as_postgres pgbackrest repo-get "$archive/$wanted.history"
}

schedule() { systemctl "$1" dukaan-backup-full.timer dukaan-backup-diff.timer dukaan-backup-gap.path; }

room() { # bytes
  if is_unfinished; then return; fi
  free=$(($(df --output=avail --block-size=1 "$data" | tail -n 1)))
  needed=$(($1 + 268435456)) # and some for WAL
  [ "$free" -gt "$needed" ] ||
    fail "there is no room to keep the present database aside: $((free >> 20)) MiB are free, $((needed >> 20)) MiB are needed"
}

begin() {
  schedule stop
  systemctl stop 'dukaan-backup@*.service'
  # A clean stop sends the last WAL to the storage first.
  systemctl stop "$unit"
  if as_postgres "$binaries/pg_ctl" status --pgdata="$data" >/dev/null 2>&1; then fail "PostgreSQL does not stop"; fi
  install -d -m 0700 "$state"
  if is_unfinished; then
    rm -rf "$data"
  else
    aside=$data.before-restore-$(date -u +%Y%m%dT%H%M%SZ)
    : >"$state/under-way"
    mv -T "$data" "$aside"
    echo "$aside"
  fi
}

fetch() { # label, timeline, target
  [ -e "$state/under-way" ] || fail "begin comes first"
  [ ! -e "$data" ] || is_unfinished || fail "$data holds a database: begin comes first"
  rm -rf "$data"
  as_postgres install -d -m 0700 "$data"
  if [ -n "${3:-}" ]; then
    how="--type=time --target-action=promote"
    target="--target=$3"
  else
    how=--type=default
    target=--no-delta # the default, so that there always is an argument
  fi
  # shellcheck disable=SC2086 # two words
  as_postgres pgbackrest --stanza=shop --process-max=2 $how "$target" --set="$1" --target-timeline="$2" restore
  # It is the repository's own database now: from its first moment on, its new timeline is archived.
  rm -f "$backups/paused"
  as_postgres touch "$backups/archiving"
}

recover() { # anyway
  [ "${1:-}" != anyway ] || sed -i '/^recovery_target_time *=/d' "$data/postgresql.auto.conf"
  started=0 # when we last started it, in seconds since 1970
  until [ "$(ask 'select pg_is_in_recovery()' 2>/dev/null)" = f ]; do
    case $(systemctl show --property=ActiveState --value "$unit") in
    inactive | failed)
      if [ "$started" -gt 0 ]; then
        journalctl --sync
        said=$(journalctl --identifier=postgresql --since="@$started" --output=cat --no-pager | grep -v 'the database system is' || true)
        echo "$said" | grep -q 'recovery ended before configured recovery target was reached' ||
          fail "PostgreSQL does not recover: $(echo "$said" | tail -n 6)"
        echo '{"reached":false,"restoredTo":null}'
        return
      fi
      started=$(date +%s)
      systemctl reset-failed "$unit" 2>/dev/null || true
      systemctl start --no-block "$unit"
      ;;
    esac
    sleep 0.2
  done
  rm -f "$state/under-way"
  ask "select json_build_object('reached', true, 'restoredTo', pg_last_xact_replay_timestamp())"
}

finish() {
  # The database remembers the password of its day.
  as_postgres psql --no-psqlrc --quiet --file=/etc/dukaan/postgresql/setup.sql
  /usr/local/lib/dukaan/prepare-backups
  schedule start
}

step=$1
shift
case $step in
history | wal | room) "$step" "$@" ;;
begin | fetch | recover | finish)
  # What a run whose caller was killed is doing goes on until it is done.
  exec 9>/run/lock/dukaan-restore
  flock -w 300 9 || fail "another restore is at work since 300 s"
  "$step" "$@"
  ;;
*) fail "unknown step $step" ;;
esac
