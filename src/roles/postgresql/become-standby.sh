#!/bin/sh
# become-standby ADDRESS [anew]: makes this machine's database a copy of the one at ADDRESS that follows it. Does nothing
# where that is so, and where the copy has taken over since. Never overwrites a database that holds a shop of its own.
# `anew` copies it once more, for one that can no longer follow.
set -eu
cd / # postgres may not be where we were called from
address=$1
data=/var/lib/postgresql/15/main
binaries=/usr/lib/postgresql/15/bin
unit=postgresql@15-main.service
# While the copy is made, what is in the data directory is of no value; later it is known as one that followed.
begun=/var/lib/dukaan/standby-begun
copied=/var/lib/dukaan/standby-of
files=/etc/dukaan/postgresql

as_postgres() { runuser -u postgres -- "$@"; }
ask() { as_postgres psql --no-psqlrc --quiet --tuples-only --no-align --dbname=postgres --command="$1"; }

if [ "${2:-}" = anew ] && [ ! -e "$begun" ]; then
  if [ -e /var/lib/postgresql/dukaan-promoted ] || [ ! -e "$data/standby.signal" ]; then
    echo "the database of this machine is no standby, or was asked to take over: it is not overwritten" >&2
    exit 1
  fi
  : >"$begun"
fi
if [ ! -e "$begun" ]; then
  if [ -e "$copied" ]; then exit 0; fi
  if [ "$(ask "select exists (select from pg_database where datname = 'shop')")" = t ]; then
    echo "there is a shop's database on this machine already: it is not overwritten by a copy of the one at $address" >&2
    exit 1
  fi
  : >"$begun"
fi

# What runs here until now is empty: its WAL must not get among that of the shop's database.
rm -f /var/lib/dukaan/backup/archiving
systemctl stop "$unit"
rm -rf "$data"
as_postgres env PGPASSFILE="$files/replicator.pgpass" PGSSLMODE=verify-full PGSSLROOTCERT="$files/authority.crt" \
  "$binaries/pg_basebackup" --host="$address" --port=5432 --username=replicator --no-password \
  --pgdata="$data" --wal-method=stream --checkpoint=fast --write-recovery-conf
# A database that was restored from a backup remembers how far; a standby would stop there, and take over.
sed -i '/^restore_command\b/d; /^recovery_target/d' "$data/postgresql.auto.conf"
systemctl start "$unit"
tries=0
until [ "$(ask 'select pg_is_in_recovery()' 2>/dev/null)" = t ]; do
  tries=$((tries + 1))
  if [ "$tries" -gt 300 ]; then
    echo "the standby does not answer within 60 s: journalctl --identifier=postgresql" >&2
    exit 1
  fi
  sleep 0.2
done
: >"$copied"
rm -f "$begun" /var/lib/postgresql/dukaan-promoted
