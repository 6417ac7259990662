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
  put "$work/certs/$domain/fullchain.pem" "$work/certs/$domain/privkey.pem" "$wanted"
  rm -r "$work/certs"
  systemctl try-reload-or-restart '{{service}}'
}

exec 9>"$work/lock"
flock --timeout 240 9
case $1 in
stand-in) is_wanted || put "$settings/stand-in.pem" "$settings/stand-in.key" ;;
when-due) if is_due; then renew; fi ;;
renew) renew ;;
*)
  echo "unknown step $1" >&2
  exit 64
  ;;
esac
