#!/bin/sh
# current-release stop|migrate|start: what a restore of the database does with the app on its machine.
set -eu
release=/opt/dukaan/releases/api/current

case $1 in
stop) systemctl stop 'dukaan-api@*.service' ;;
migrate)
  set -a
  # shellcheck disable=SC1091 # it comes with the release
  . "$release/env"
  set +a
  exec runuser -u dukaan --preserve-environment -- "$release/node" "$release/migrate.mjs"
  ;;
start) systemctl start "dukaan-api@$(basename "$(readlink -f "$release")").service" ;;
*)
  echo "unknown step $1" >&2
  exit 64
  ;;
esac
