#!/bin/sh
# make-file-system [FILE]: makes the file system on the volume that FILE names, where the cloud makes none. Once, and on an
# empty one alone: nothing is written to a volume that holds anything. What is on it is for `volume check` to judge.
set -eu
# shellcheck source=/dev/null # device
. "${1:-/etc/dukaan/volume}"

tries=0
until [ -b "$device" ]; do
  tries=$((tries + 1))
  [ "$tries" -le 60 ] || exit 0
  sleep 0.5
done

# Of file systems, RAIDs, encryption and partition tables, wherever they are on a disk. A disk that cannot be read is no
# empty one: then this fails.
signatures=$(wipefs --no-act --noheadings --output TYPE,OFFSET "$device")
[ -z "$signatures" ] || exit 0
if ! cmp --quiet --bytes=16777216 "$device" /dev/zero; then
  echo "the volume $device is not empty, and nothing that is known begins on it: it was left as it is." >&2
  echo "If this machine lost its power while it made the file system: dd if=/dev/zero of=$device bs=1M count=16 conv=fsync, then ./dukaan up again" >&2
  exit 1
fi
# Half of a file system is neither empty nor one: whoever is cut off, or stops us, leaves a whole one.
trap '' HUP INT TERM
mkfs.ext4 -q "$device"
