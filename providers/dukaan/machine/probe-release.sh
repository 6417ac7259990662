#!/bin/sh
# Tells what a machine has of a service. Usage: probe-release.sh FOLDER
# FOLDER holds `release` as for switch-release.sh. Prints, separated by tabs:
#   runtime  digest of the runtime of that name, or -
#   modules  digest of the modules of that name, or -
#   release  complete, modified (a file is not as it was sent) or -
#   active   id of the release that current names, or -
#   serving  yes when the active release's instance runs, is enabled (and no other is) and has the service's socket,
#            else no
set -eu
export LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

tab=$(printf '\t')
IFS=$tab read -r service id runtime _ _ _ _ _ modules < "$1/release"
releases=/opt/dukaan/releases/$service

echo "runtime$tab$(cat "/opt/dukaan/runtimes/$runtime/digest" 2>/dev/null || echo -)"
echo "modules$tab$(cat "/opt/dukaan/modules/$modules/digest" 2>/dev/null || echo -)"

state=-
if [ -f "$releases/$id/.sums" ]; then
  state=complete
  (cd "$releases/$id" && sha256sum --check --status --strict .sums) || state=modified
fi
echo "release$tab$state"

active=$(basename "$(readlink "$releases/current" || echo -)")
echo "active$tab$active"

unit=dukaan-$service@$active.service
serving=no
enabled=$(find /etc/systemd/system -path "*.wants/dukaan-$service@*.service" -printf '%f\n' | sort -u)
if systemctl is-active --quiet "$unit" && [ "$enabled" = "$unit" ] &&
  [ "$(readlink "/run/dukaan/$service.sock")" = "$service-$active.sock" ]; then
  serving=yes
fi
echo "serving$tab$serving"
