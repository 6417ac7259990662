#!/bin/sh
# Stops what a role runs and forgets the role. Usage: remove-role.sh FOLDER
# FOLDER holds role and services as for apply-role.sh. Packages, users and files stay: data may depend on them.
set -eu
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

tab=$(printf '\t')
IFS=$tab read -r name _ < "$1/role"
while IFS=$tab read -r unit enabled _; do
  case $unit in
  ssh | ssh.* | sshd* | nftables* | systemd-*) continue ;; # without these nobody could look after the machine
  esac
  [ "$enabled" = no ] || systemctl disable --quiet --now "$unit" || true
done < "$1/services"
rm -rf "/var/lib/dukaan/roles/$name"
