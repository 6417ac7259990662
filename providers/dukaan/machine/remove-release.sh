#!/bin/sh
# Stops every instance of a service and removes its releases; runtimes stay, others may use them.
# Usage: remove-release.sh FOLDER, with `release` as for probe-release.sh.
set -eu
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

tab=$(printf '\t')
IFS=$tab read -r service _ _ _ _ server _ < "$1/release"
# A new server may have taken over the address of the one that is meant; its releases are not ours to stop.
[ "$(cat "/opt/dukaan/releases/$service/.server")" = "$server" ] || exit 0
systemctl stop "dukaan-$service-settle.timer" 2>/dev/null || true
{
  systemctl list-units --all --plain --no-legend "dukaan-$service@*.service" | cut -d ' ' -f 1
  find /etc/systemd/system -path "*.wants/dukaan-$service@*.service" -printf '%f\n'
} | sort -u | while read -r unit; do systemctl disable --quiet --now "$unit" || true; done
rm -rf "/run/dukaan/$service.sock" "/run/dukaan/$service-standby.sock" "/opt/dukaan/releases/${service:?}"
