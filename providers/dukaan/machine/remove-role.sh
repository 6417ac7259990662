#!/bin/sh
# Stops what a role runs and forgets the role. Usage: remove-role.sh FOLDER
# FOLDER holds role and services as for apply-role.sh. Packages, users and files stay: data may depend on them.
set -eu
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

tab=$(printf '\t')
IFS=$tab read -r name _ server < "$1/role"
home=/var/lib/dukaan/roles/$name
# A new server may have taken over the address of the one that is meant; its roles are not ours to stop.
IFS=$tab read -r _ _ applied < "$home/current/role" || exit 0
[ "$applied" = "$server" ] || exit 0
while IFS=$tab read -r unit enabled _; do
  case $unit in
  ssh | ssh.* | sshd* | nftables* | systemd-*) continue ;; # without these nobody could look after the machine
  esac
  [ "$enabled" = no ] || systemctl disable --quiet --now "$unit" || true
done < "$1/services"
rm -rf "$home"
