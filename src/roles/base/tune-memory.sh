#!/bin/sh
# Gives the machine a swap file and loads its kernel settings. A container has its host's memory management.
set -eu
if systemd-detect-virt --quiet --container; then exit 0; fi

sysctl --quiet --load /etc/sysctl.d/60-dukaan.conf

swap=/var/swapfile
if [ ! -e "$swap" ]; then
  rm -f "$swap.new"
  fallocate --length {{swapMiB}}MiB "$swap.new"
  chmod 600 "$swap.new"
  mkswap --quiet "$swap.new"
  mv "$swap.new" "$swap"
fi
grep -q "^$swap " /etc/fstab || echo "$swap none swap sw 0 0" >>/etc/fstab
swapon --show=NAME --noheadings | grep -qx "$swap" || swapon "$swap"
