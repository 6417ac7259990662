#!/bin/bash
# Builds the base image into a new directory:
#   DEST/root    a Debian 12 root file system, the lower directory of every machine's overlay
#   DEST/debian  the package pool: .deb files that machines may install, with their index
# DEST appears when it is whole. What an interrupted build left is cleared away first; call it under a lock.
#
#   build.sh DEST
#
# Run as root. The packages come from where this computer gets its own, unless DUKAAN_DEBIAN_MIRROR and
# DUKAAN_DEBIAN_SECURITY_MIRROR name mirrors.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dest=$1
if [ -e "$dest/complete" ]; then exit 0; fi

# configured CODENAME: the archive that this computer's apt uses for it
# shellcheck disable=SC2016 # apt's own placeholders
configured() { apt-get indextargets --format '$(CODENAME) $(REPO_URI)' | awk -v suite="$1" '$1 == suite && !found++ { print $2 }'; }
mirror=${DUKAAN_DEBIAN_MIRROR:-$(configured bookworm)}
security=${DUKAAN_DEBIAN_SECURITY_MIRROR:-$(configured bookworm-security)}
if [ -z "$mirror" ] || [ -z "$security" ]; then
  echo "This computer's apt has no archive of Debian 12 (bookworm and bookworm-security)." >&2
  echo "Name one: DUKAAN_DEBIAN_MIRROR and DUKAAN_DEBIAN_SECURITY_MIRROR." >&2
  exit 1
fi
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

names() { sed 's/#.*//' "$1" | xargs; }

# Removing through a mount that was left would empty what is mounted.
remove_tree() {
  awk -v below="$1/" 'index($2, below) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l
  rm -rf "$1"
}

new=$dest.building
remove_tree "$dest"
remove_tree "$new"
mkdir -p "$new/debian"
chmod 755 "$new" "$new/debian"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
export DUKAAN_IMAGE_SOURCE=$here DUKAAN_IMAGE_POOL=$new/debian DUKAAN_IMAGE_PACKAGES
DUKAAN_IMAGE_PACKAGES=$(names "$here/packages.txt")

# How this computer reaches package servers (proxy, certificates, tolerated clock) holds for the build too.
acquire=$(mktemp)
trap 'rm -f "$acquire"' EXIT
apt-config dump --format '%F "%v";%n' Acquire |
  grep -E '^Acquire::(http|https|Check|Retries)[-:]' | grep -v '::User-Agent' >"$acquire" || true

mmdebstrap --quiet --mode=root --variant=minbase --format=directory --components=main \
  --include="$(names "$here/base.txt" | tr ' ' ,)" \
  --aptopt="$acquire" --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
  --dpkgopt="$here/root/etc/dpkg/dpkg.cfg.d/90dukaan" \
  --skip=cleanup/apt/lists --customize-hook="$here/customize.sh" \
  bookworm "$new/root" <<SOURCES
deb [signed-by=$keyring] $mirror bookworm main
deb [signed-by=$keyring] $mirror bookworm-updates main
deb [signed-by=$keyring] $security bookworm-security main
SOURCES

# All data is on the disk before the mark that says so.
sync -f "$new"
touch "$new/complete"
mv "$new" "$dest"
