#!/bin/sh
# An installation of PostgreSQL that was cut off can leave its configuration without its data, and the package then takes
# the cluster for made. It is made here, but only on a machine that this role never finished: later, missing data is a
# loss, and an empty database in its place would hide it.
set -eu
data=/var/lib/postgresql/15/main

if [ -e /var/lib/postgresql/dukaan-fenced ]; then
  echo "The database of this machine was ended because its data has moved to another one. Finish that: ./dukaan evolve" >&2
  exit 1
fi
if [ -e /var/lib/dukaan/standby-begun ]; then exit 0; fi
if [ -s "$data/PG_VERSION" ]; then
  # On a volume that was another server's, the files belong to the number that postgres had there.
  [ "$(stat --format=%U "$data")" = postgres ] || chown -R postgres:postgres /var/lib/postgresql
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
