#!/bin/sh
# Stops every instance of a service and removes its releases; runtimes stay, others may use them.
# Usage: remove-release.sh FOLDER, with `release` as for probe-release.sh.
set -eu
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

tab=$(printf '\t')
IFS=$tab read -r service _ < "$1/release"
for unit in $(systemctl list-units --all --plain --no-legend "dukaan-$service@*.service" | cut -d ' ' -f 1) \
  $(systemctl list-unit-files --plain --no-legend "dukaan-$service@*.service" | cut -d ' ' -f 1); do
  [ "$unit" = "dukaan-$service@.service" ] || systemctl disable --quiet --now "$unit" || true
done
rm -rf "/run/dukaan/$service.sock" "/opt/dukaan/releases/${service:?}"
