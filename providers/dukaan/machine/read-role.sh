#!/bin/sh
# Tells what is really there of one role. Usage: read-role.sh FOLDER
#
# FOLDER holds role, packages, directories, files and services as for apply-role.sh; files has a sixth field that says
# whether the content is a secret (yes/no). Prints, fields separated by tabs:
#   digest     of the last complete application, or - when there is none or a later one was cut off
#   package    name, for each one that is missing
#   directory  path, mode, owner, group, for each one that differs; mode is - when there is none
#   file       path, SHA-256, mode, owner, group, for each one; SHA-256 is - when there is none
#   content    path, base64, for each file that differs, is no secret and has at most 64 KiB
#   service    unit, active (yes/no), enabled (yes/no), for each one
set -eu
export LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

expected=$1
tab=$(printf '\t')
IFS=$tab read -r name _ < "$expected/role"
home=/var/lib/dukaan/roles/$name

put() {
  line=$1
  shift
  for field in "$@"; do line=$line$tab$field; done
  echo "$line"
}

if [ -L "$home/current" ] && [ ! -e "$home/pending" ]; then
  put digest "$(readlink "$home/current")"
else
  put digest -
fi

while read -r package; do
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || put package "$package"
done < "$expected/packages"

while IFS=$tab read -r mode owner group path; do
  found=$(stat -c "%a$tab%U$tab%G" "$path" 2>/dev/null) || found=-
  [ "$found" = "$mode$tab$owner$tab$group" ] || put directory "$path" "$found"
done < "$expected/directories"

while IFS=$tab read -r sum mode owner group path is_secret; do
  if [ ! -f "$path" ] || [ -L "$path" ]; then
    put file "$path" -
    continue
  fi
  found=$(sha256sum < "$path")
  found=${found%% *}
  put file "$path" "$found" "$(stat -c "%a$tab%U$tab%G" "$path")"
  if [ "$found" != "$sum" ] && [ "$is_secret" = no ] && [ "$(stat -c %s "$path")" -le 65536 ]; then
    put content "$path" "$(base64 -w 0 "$path")"
  fi
done < "$expected/files"

while IFS=$tab read -r unit _; do
  active=no
  systemctl is-active --quiet "$unit" && active=yes
  enabled=no
  systemctl is-enabled --quiet "$unit" 2>/dev/null && enabled=yes
  put service "$unit" "$active" "$enabled"
done < "$expected/services"
