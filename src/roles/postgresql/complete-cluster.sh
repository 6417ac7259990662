#!/bin/sh
# An installation of PostgreSQL that was cut off can leave its configuration without its data, and the package then takes
# the cluster for made. It is made here, but only on a machine that this role never finished: later, missing data is a
# loss, and an empty database in its place would hide it.
set -eu
data=/var/lib/postgresql/15/main
begun=/var/lib/postgresql/dukaan-standby-begun

if [ -e /var/lib/postgresql/dukaan-fenced ]; then
  echo "The database of this machine was ended because its data has moved to another one. Finish that: ./dukaan evolve" >&2
  exit 1
fi
# On a volume that was another server's, the files belong to the number that postgres had there.
if [ -d "$data" ] && [ "$(stat --format=%U "$data")" != postgres ]; then chown -R postgres:postgres /var/lib/postgresql; fi
if [ -e "$begun" ]; then
  exec 9>/run/dukaan-database.lock
  if ! flock --wait 60 9; then
    echo "another step of a move has been at work here for a minute" >&2
    exit 1
  fi
  # Half a copy does not start. become-standby makes it anew; until then anything that starts will do.
  if [ -e "$begun" ] && ! systemctl is-active --quiet postgresql@15-main.service; then
    rm -rf /etc/postgresql/15/main "$data"
    pg_createcluster 15 main
  fi
  exit 0
fi
if [ -s "$data/PG_VERSION" ]; then
  if [ -e /etc/postgresql/15/main/pg_ctl.conf ]; then exit 0; fi
  # pg_createcluster takes the data over, and wants to find configuration beside it, which the role replaces at once.
  for name in postgresql pg_hba pg_ident; do
    install -m 0600 -o postgres -g postgres "/usr/share/postgresql/15/$name.conf.sample" "$data/$name.conf"
  done
  # Of a process of the lost server.
  rm -rf /etc/postgresql/15/main "$data/postmaster.pid"
  pg_createcluster 15 main
  exit 0
fi
if [ -L /var/lib/dukaan/roles/postgresql/current ]; then
  echo "The database's files are gone from $data. Bring them back: ./dukaan restore --at TIME" >&2
  exit 1
fi
rm -rf /etc/postgresql/15/main "$data"
pg_createcluster 15 main
