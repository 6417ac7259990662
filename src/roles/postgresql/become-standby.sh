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
# While the copy is made, what is in the data directory is of no value. Beside the data, on a volume that may get another
# server, as all that says what the data is.
begun=/var/lib/postgresql/dukaan-standby-begun
asked=/var/lib/postgresql/dukaan-promoted
files=/etc/dukaan/postgresql
backups=/var/lib/dukaan/backup

as_postgres() { runuser -u postgres -- "$@"; }
ask() { as_postgres psql --no-psqlrc --quiet --tuples-only --no-align --dbname=postgres --command="$1"; }
begin() {
  : >"$begun"
  sync "$begun" /var/lib/postgresql
}

# A run that was killed may still be copying, and another one remove what it copies.
exec 9>/run/dukaan-database.lock
if ! flock --wait 60 9; then
  echo "another step of a move has been at work here for a minute" >&2
  exit 1
fi

if [ "${2:-}" = anew ] && [ ! -e "$begun" ]; then
  if [ -e "$asked" ] || [ ! -e "$data/standby.signal" ]; then
    echo "the database of this machine is no standby, or was asked to take over: it is not overwritten" >&2
    exit 1
  fi
  begin
fi
if [ ! -e "$begun" ]; then
  if [ -e "$data/standby.signal" ] || [ -e "$asked" ]; then exit 0; fi
  if [ "$(ask "select exists (select from pg_database where datname = 'shop')")" = t ]; then
    echo "there is a shop's database on this machine already: it is not overwritten by a copy of the one at $address" >&2
    exit 1
  fi
  begin
fi

# What runs here until now is empty: its WAL is not for the repository of the shop's database.
install -d -m 0750 -o postgres -g postgres "$backups"
rm -f "$backups/archiving"
as_postgres touch "$backups/paused"
systemctl stop "$unit"
rm -rf "$data"
as_postgres env PGPASSFILE="$files/replicator.pgpass" PGSSLMODE=verify-full PGSSLROOTCERT="$files/authority.crt" \
  "$binaries/pg_basebackup" --host="$address" --port=5432 --username=replicator --no-password \
  --pgdata="$data" --wal-method=stream --checkpoint=fast --write-recovery-conf
# A database that was restored from a backup remembers how far; a standby would stop there, and take over.
sed -i '/^restore_command\b/d; /^recovery_target/d' "$data/postgresql.auto.conf"
systemctl start "$unit" 9>&-
tries=0
until [ "$(ask 'select pg_is_in_recovery()' 2>/dev/null)" = t ]; do
  tries=$((tries + 1))
  if [ "$tries" -gt 300 ]; then
    echo "the standby does not answer within 60 s: journalctl --identifier=postgresql" >&2
    exit 1
  fi
  sleep 0.2
done
rm -f "$asked"
sync /var/lib/postgresql
rm -f "$begun"
