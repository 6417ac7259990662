#!/bin/sh
# Makes the bucket and the repository in it unless they are there, and decides whether this database may write to it.
# Run by the role `backup` and after a restore; changes nothing that is right already.
#
# A machine that was lost comes back with an empty database. It must never mix with the backups of the lost one: a
# repository belongs to one database, known by its system identifier. Over a foreign one backups stay paused until either
# that database is brought back (./dukaan restore) or another folder is chosen (dukaan:backup.path). One that was made from
# the repository's own database by a dump, and compared with it, is its successor (see copy-database).
set -eu
state=/var/lib/dukaan/backup
# The database in place of which this one came.
successor_of=/var/lib/postgresql/dukaan-successor-of
bucket={{bucketUrl}}

as_postgres() { runuser -u postgres -- "$@"; }
fail() {
  echo "$*" >&2
  exit 1
}

request() { # arguments of curl; prints the status, 000 without an answer
  curl --config /etc/dukaan/backup/s3.curl --output /dev/null --write-out '%{http_code}' "$@" || true
}

ensure_bucket() {
  status=$(request --head "$bucket")
  if [ "$status" = 404 ]; then
    status=$(request --request PUT "$bucket")
    # Somebody made it at the same time.
    [ "$status" != 409 ] || status=$(request --head "$bucket")
  fi
  case $status in
  200) ;;
  000) fail "the object storage of the backups does not answer: $bucket" ;;
  403) fail "the object storage refuses the keys of dukaan:backup, or the bucket is somebody else's: $bucket" ;;
  *) fail "the object storage of the backups answers $status: $bucket" ;;
  esac
}

# Succeeds when the repository is this database's, and makes it when there is none; 28: it is another database's.
ensure_repository() {
  status=0
  said=$(as_postgres pgbackrest --stanza=shop --io-timeout=15 --log-level-console=error stanza-create 2>&1) || status=$?
  case $status in
  0) return 0 ;;
  28) return 28 ;;
  *)
    # Unreadable as an encrypted file is: the lines hold its bytes.
    said=$(echo "$said" | tr -cd '[:print:]\n' | cut -c 1-200)
    fail "the repository of the backups cannot be used. If it was encrypted with another passphrase, give that as dukaan:backup.passphrase; or choose another folder with dukaan:backup.path.
$said"
    ;;
  esac
}

# Whether this database took the place of the one that the repository's last backups are of.
is_successor() {
  [ -s "$successor_of" ] || return 1
  last=$(as_postgres pgbackrest --stanza=shop info --output=json | grep -o '"system-id":[0-9]*' | tail -n 1)
  [ "$last" = "\"system-id\":$(cat "$successor_of")" ]
}
take_over() {
  # Called in a condition, where a failure ends nothing by itself.
  as_postgres pgbackrest --stanza=shop --io-timeout=15 --log-level-console=error stanza-upgrade ||
    fail "the repository of the backups cannot be handed over to this database"
  taken_over=yes
}

install -d -m 0750 -o postgres -g postgres "$state"
taken_over=no
ensure_bucket
if ensure_repository || { is_successor && take_over; }; then
  rm -f "$state/paused"
  as_postgres touch "$state/archiving"
  rm -f "$successor_of"
  # The first one, or one that was cut off. Those of the database before are of no use to its successor's WAL.
  if [ "$taken_over" = yes ] || ! as_postgres pgbackrest --stanza=shop info --output=json | grep -q '"label"'; then
    systemctl start --no-block dukaan-backup@full.service
  fi
else
  rm -f "$state/archiving"
  as_postgres touch "$state/paused"
  echo "backups are paused: the repository holds those of another database"
fi
