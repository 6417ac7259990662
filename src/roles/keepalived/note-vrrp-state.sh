#!/bin/sh
# note-vrrp-state INSTANCE NAME STATE …: run by keepalived; balancer-address.py acts on it. A master that hears of another
# one (both were alone for a while) notes itself again: the address may be with the other.
set -eu
printf '%s %s\n' "$3" "$(date +%s.%N)" >/run/dukaan-balancer/state.new
mv /run/dukaan-balancer/state.new /run/dukaan-balancer/state
