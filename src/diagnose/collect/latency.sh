# What one question to the database takes as the app asks it, and what of that is the network: milliseconds, median and 99th
# percentile. Only where PgBouncer is.
ini=/etc/pgbouncer/pgbouncer.ini
env=/opt/dukaan/releases/api/current/env
[ -r $ini ] && [ -r $env ] || exit 0

percentiles() {
  sort -n | awk -v what="$1" '{ t[NR] = $1 }
    END { if (NR) printf "%s\t%.3f\t%.3f\t%d\n", what, t[int((NR + 1) / 2)], t[int(NR * 0.99 + 0.999)], NR }'
}

# postgresql://user:password@… The password goes by the environment: arguments can be read by everybody here.
login=$(
  # shellcheck disable=SC1090 # it comes with the release
  . $env
  login=${DATABASE_URL#*://}
  printf '%s' "${login%%@*}"
)
export PGUSER="${login%%:*}" PGPASSWORD="${login#*:}" PGCONNECT_TIMEOUT=2 PGAPPNAME=dukaan-diagnose
# The first may open a connection to the database; those behind it use it.
{ printf '%s\n' 'select 1;' '\timing on'; yes 'select 1;' | head -n 50; } |
  timeout 3 psql --no-psqlrc --quiet --tuples-only --no-align --host=/run/pgbouncer --port=6432 shop 2>/dev/null |
  awk '/^Time: / { print $2 }' | percentiles query

# A handshake is one round trip of the network, whatever the database does. None over a socket.
host=$(sed -n 's|^shop = host=\([^/ ]*\) .*|\1|p' $ini)
[ -z "$host" ] || timeout 3 bash -c 'for _ in 1 2 3 4 5 6 7 8 9 10; do
    from=${EPOCHREALTIME/./}
    exec 3<>"/dev/tcp/$0/5432" || exit
    to=${EPOCHREALTIME/./}
    exec 3>&-
    echo $((to - from))
  done' "$host" 2>/dev/null | awk '{ print $1 / 1000 }' | percentiles connect
