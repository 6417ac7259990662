#!/bin/sh
# The same with Hetzner's own command, which reads HCLOUD_ENDPOINT and HCLOUD_TOKEN:
#
#   eval "$(hetzner-local env)"
#   sh hcloud.sh ~/.ssh/id_ed25519.pub
set -eu
hcloud ssh-key create --name me --public-key-from-file "$1"
hcloud network create --name inside --ip-range 10.0.0.0/16
hcloud network add-subnet inside --type cloud --network-zone eu-central --ip-range 10.0.1.0/24
hcloud server create --name web --type cx23 --image debian-12 --location fsn1 --ssh-key me --network inside
hcloud server create-image web --type snapshot --description golden
hcloud server list
