#!/bin/sh
# Starts PgBouncer on a scratch socket with the configuration in directory $1 and the database's authority in file $2: it
# cannot check one otherwise.
set -eu
scratch=$(mktemp -d)
pid=
finish() {
  [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
  rm -rf "$scratch"
}
trap finish EXIT

sed -e "s|^unix_socket_dir = .*|unix_socket_dir = $scratch|" \
  -e "s|^auth_file = .*|auth_file = $scratch/userlist.txt|" \
  -e "s|^server_tls_ca_file = .*|server_tls_ca_file = $2|" \
  "$1/pgbouncer.ini" >"$scratch/pgbouncer.ini"
cp "$1/userlist.txt" "$scratch/userlist.txt"
chown -R postgres: "$scratch"

runuser -u postgres -- /usr/sbin/pgbouncer "$scratch/pgbouncer.ini" >"$scratch/log" 2>&1 &
pid=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  if [ -S "$scratch/.s.PGSQL.6432" ]; then
    ! grep -E "WARNING|ERROR|FATAL" "$scratch/log" >&2
    exit
  fi
  kill -0 "$pid" 2>/dev/null || break
  sleep 0.1
done
pid=
cat "$scratch/log" >&2
exit 1
