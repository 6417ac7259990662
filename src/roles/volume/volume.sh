#!/bin/sh
# volume check [FILE]: fails unless the volume that FILE names may be mounted where it says: it is attached, holds a file
# system, and would hide no data. Nothing here ever makes a file system: the cloud has made it together with the volume.
# volume grow: makes the file system as large as the volume, while it is used where the kernel allows that.
set -eu
# shellcheck source=/dev/null # device, path
. "${2:-/etc/dukaan/volume}"

case $1 in
check)
  tries=0
  until [ -b "$device" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 60 ]; then
      echo "the volume is not attached: there is no $device" >&2
      exit 1
    fi
    sleep 0.5
  done
  type=$(blkid --probe --output value --match-tag TYPE "$device" || true)
  if [ "$type" != ext4 ]; then
    echo "the volume $device holds ${type:-no file system}, not ext4. If it was cut off while it was made: delete it, and run ./dukaan up again" >&2
    exit 1
  fi
  if ! mountpoint --quiet "$path" && [ -n "$(find "$path" -name PG_VERSION -print -quit 2>/dev/null)" ]; then
    echo "there is a database on this machine's own disk, in $path: the volume would hide it" >&2
    exit 1
  fi
  ;;
grow)
  if resize2fs "$device"; then exit 0; fi
  # In a container the kernel may not allow it while the file system is used: then what uses it waits for a moment.
  unit=$(systemd-escape --path --suffix=mount "$path")
  users=$(systemctl list-units --plain --no-legend --state=active 'postgresql@*.service' | cut -d ' ' -f 1)
  # Whoever needs the path is stopped with it.
  systemctl stop "$unit"
  failed=no
  { e2fsck -f -p "$device" || [ $? -le 1 ]; } && resize2fs "$device" || failed=yes
  # shellcheck disable=SC2086 # units, one a word
  systemctl start "$unit" $users
  [ "$failed" = no ]
  ;;
*)
  echo "unknown step $1" >&2
  exit 64
  ;;
esac
