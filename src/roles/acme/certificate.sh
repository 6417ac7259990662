#!/bin/sh
# certificate stand-in|when-due|renew: the certificate that the public sees, in /var/lib/dukaan/certificate/current. Its key
# is made here and leaves this machine never.
#   stand-in  makes sure that there is one: until a public authority has signed, one of the stack's own authority
#   when-due  gets a new one when less than a third of its time is left, or it is not the one that is wanted
#   renew     gets a new one now
set -eu
umask 077
domain='{{domain}}'
wanted='{{domain}} {{directory}}'
settings=/etc/dukaan/acme
work=/var/lib/dukaan/acme
place=/var/lib/dukaan/certificate
mkdir -p "$place" "$work/challenges"

# put CERTIFICATES KEY [ISSUED]: in place as one, so that whoever reads them meets no half of each.
put() {
  openssl x509 -in "$1" -noout -checkend 0 >/dev/null || { echo "the certificate has expired" >&2; return 1; }
  if [ "$(openssl x509 -in "$1" -noout -pubkey)" != "$(openssl pkey -in "$2" -pubout)" ]; then
    echo "certificate and key do not belong together" >&2
    return 1
  fi
  new=$(mktemp -d "$place/XXXXXXXXXX")
  cp "$1" "$new/chain.pem"
  cp "$2" "$new/key.pem"
  cat "$1" "$2" >"$new/both.pem"
  [ -z "${3-}" ] || printf '%s\n' "$3" >"$new/issued"
  sync "$new"/*
  ln -sfn "$(basename "$new")" "$place/next"
  mv -T "$place/next" "$place/current"
  find "$place" -mindepth 1 -maxdepth 1 -type d ! -name "$(basename "$new")" -exec rm -r {} +
}

# For the same name: browsers that were told to insist on a certificate of a public authority would take no stand-in.
is_good() {
  [ "$(cut -d ' ' -f 1 "$place/current/issued" 2>/dev/null)" = "$domain" ] &&
    openssl x509 -in "$place/current/chain.pem" -noout -checkend 0 >/dev/null
}

is_wanted() { [ "$(cat "$place/current/issued" 2>/dev/null)" = "$wanted" ]; }

moment() { date --date "$(openssl x509 -in "$place/current/chain.pem" -noout "$1" | cut -d = -f 2)" +%s; }

is_due() {
  is_wanted || return 0
  until=$(moment -enddate)
  [ $(((until - $(date +%s)) * 3)) -lt $((until - $(moment -startdate))) ]
}

renew() {
  # A copy: dehydrated writes beside it. The account is made, or found, each time: the authority may have forgotten it.
  rm -rf "$work"/account.pem* "$work/certs"
  cp "$settings/account.pem" "$work/account.pem"
  # Ours is the lock: dehydrated's own outlives a loss of power.
  ask() { dehydrated --config "$settings/dehydrated.conf" --privkey "$work/account.pem" --no-lock "$@"; }
  ask --register --accept-terms
  ask --cron --force --domain "$domain"
  : >"$work/reload"
  put "$work/certs/$domain/fullchain.pem" "$work/certs/$domain/privkey.pem" "$wanted"
  rm -r "$work/certs"
  show
  rm -f "$work/failures"
}

# The server shows the new one. Noted before, so that the next run does it when this one does not get there.
show() {
  systemctl try-reload-or-restart '{{service}}'
  rm -f "$work/reload"
}

# Authorities stop listening to whoever fails for days (letsencrypt.org/docs/rate-limits): after two hours of failures once
# an hour, after a day every six.
is_time() {
  failures=$(cat "$work/failures" 2>/dev/null || echo 0)
  pause=0
  [ "$failures" -lt 8 ] || pause=3500
  [ "$failures" -lt 32 ] || pause=21500
  [ "$pause" -eq 0 ] || [ $(($(date +%s) - $(stat --format=%Y "$work/failures"))) -ge "$pause" ]
}

# Not waiting for a run that waits for its authority.
if [ "$1" = stand-in ] && is_good; then exit 0; fi
exec 9>"$work/lock"
flock --timeout 240 9
case $1 in
stand-in) is_good || put "$settings/stand-in.pem" "$settings/stand-in.key" ;;
when-due)
  [ ! -e "$work/reload" ] || show
  if is_due && is_time; then
    echo $((failures + 1)) >"$work/failures.new"
    mv "$work/failures.new" "$work/failures"
    renew
  fi
  ;;
renew) renew ;;
*)
  echo "unknown step $1" >&2
  exit 64
  ;;
esac
