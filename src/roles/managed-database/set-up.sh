#!/bin/sh
# set-up-managed-database: makes what is missing of the shop's database at a PostgreSQL that the provider runs, and who may
# log in. Can be repeated.
set -eu
cd /
files=/etc/dukaan/managed-database
# Debian's own `psql` is a wrapper that looks for a cluster of this machine.
PGSERVICEFILE=$files/service.conf exec /usr/lib/postgresql/15/bin/psql service=master \
  --no-psqlrc --quiet --no-password --file="$files/setup.sql"
