#!/bin/sh
# Makes a folder of a tar.gz on standard input. Usage: place-archive.sh FOLDER CONTENT DIGEST
# CONTENT must be in it. It is unpacked beside its place, so that a broken one leaves nothing; FOLDER/digest says DIGEST.
set -eu
umask 022
place=$1
content=$2
digest=$3

mkdir -p "${place%/*}"
# What a power cut has left.
find "${place%/*}" -maxdepth 1 -name '.incoming.*' -mmin +60 -exec rm -rf {} +
incoming=$(mktemp -d "${place%/*}/.incoming.XXXXXX")
trap 'rm -rf "$incoming"' EXIT
tar -xzf - --no-same-owner -C "$incoming"
test -e "$incoming/$content"
printf '%s\n' "$digest" > "$incoming/digest"
chmod 0755 "$incoming"
# Two services may send the same at once; the second finds the place taken.
[ "$(cat "$place/digest" 2>/dev/null)" = "$digest" ] || {
  rm -rf "$place"
  mv -T "$incoming" "$place"
}
