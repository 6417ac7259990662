#!/bin/sh
# How the pool is led from one database to another; `./dukaan evolve` calls the steps in order. All can be repeated.
#
#   arm SECONDS  resumes by itself after so many seconds, unless `resume` or `lead` comes first: whoever paused it may have
#                died. To go on with the old database, or to fail where that is fenced, is always safe
#   pause        lets running transactions end and holds back new ones
#   lead HOST    the database is there from now on, an address or the directory of a socket; then resumes
#   resume       lets transactions through
#   where        prints where the database is for it, an address or the directory of a socket
set -eu
cd / # postgres may not be where we were called from
configuration=/etc/pgbouncer/pgbouncer.ini
watchdog=dukaan-pool-resume

# Debian's own `psql` is a wrapper that takes longer than what is asked here.
psql=/usr/lib/postgresql/15/bin/psql
# Seconds for one command; `pause` waits for running transactions, and the others for it.
longest=3

console() {
  timeout "$longest" runuser -u postgres -- "$psql" --no-psqlrc --quiet --host=/run/pgbouncer --port=6432 \
    --username=pgbouncer --dbname=pgbouncer "$@"
}
# 1 or 0; nothing when it does not answer.
paused() { console --command='show databases' | awk -F'|' '$1 ~ /^ *shop *$/ { print $(NF - 1) + 0 }'; }
is_paused() { [ "$(paused)" = 1 ]; }
disarm() {
  systemctl stop "$watchdog.timer" 2>/dev/null || true
  systemctl reset-failed "$watchdog.service" 2>/dev/null || true
}
# It refuses to resume what is not paused.
resume() { console --command='resume shop' 2>/dev/null || [ "$(paused)" = 0 ]; }

case $1 in
arm)
  disarm
  systemd-run --quiet --collect --unit="$watchdog" --on-active="$2" --timer-property=AccuracySec=100ms "$0" resume
  ;;
pause)
  # A transaction that takes longer would let the others wait for too long.
  if ! console --command='pause shop'; then
    is_paused || {
      resume
      echo "a transaction takes longer than 3 s: nothing was held back" >&2
      exit 1
    }
  fi
  ;;
lead)
  sed "s|^shop = host=[^ ]*|shop = host=$2|" "$configuration" >"$configuration.new"
  grep -qF "shop = host=$2 " "$configuration.new"
  chown --reference="$configuration" "$configuration.new"
  chmod --reference="$configuration" "$configuration.new"
  mv "$configuration.new" "$configuration"
  # At once, while queries wait; alone where there is nothing to resume.
  console --set=ON_ERROR_STOP=1 --command=reload --command='resume shop' 2>/dev/null || {
    console --command=reload
    resume
  }
  disarm
  ;;
resume)
  resume
  disarm
  ;;
where) sed -n 's/^shop = host=\([^ ]*\).*/\1/p' "$configuration" ;;
*)
  echo "unknown step $1" >&2
  exit 64
  ;;
esac
