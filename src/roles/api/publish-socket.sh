#!/bin/sh
# publish-socket SERVICE RELEASE: after a boot, points the service's socket at the release that is current. /run is empty
# then; at any other time the deployment moves the link itself, once the new instance is ready.
set -eu
service=$1
release=$2
current=$(readlink "/opt/dukaan/releases/$service/current" || true)
link=/run/dukaan/$service.sock
if [ "${current##*/}" = "$release" ] && [ ! -L "$link" ]; then
  ln -s "$service-$release.sock" "$link.new"
  mv -T "$link.new" "$link"
fi
