#!/bin/sh
# DNS, after hcloud.sh. Needs a version of Hetzner's own command that knows zones (1.54 or newer).
set -eu
hcloud zone create --name shop.example
hcloud zone rrset create --name www --type A --record "$(hcloud server ip web)" shop.example
hcloud zone rrset list shop.example
