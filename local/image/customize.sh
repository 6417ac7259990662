#!/bin/bash
# Called by mmdebstrap, while the new root's package lists are still those of the mirror: fetches the package pool, lays
# our files over the root, switches off what a machine does not need, and leaves the pool as the only package source.
set -euo pipefail
root=$1
inside() { chroot "$root" "$@"; }

# The pool: what the listed packages need beyond what the image has. The archive folder is outside of the root.
mkdir -p "$root/srv/debian"
mount --bind "$DUKAAN_IMAGE_POOL" "$root/srv/debian"
trap 'umount "$root/srv/debian"' EXIT
# shellcheck disable=SC2086 # a list of names
inside apt-get -qq install --yes --download-only --no-install-recommends -o Dir::Cache::archives=/srv/debian $DUKAAN_IMAGE_PACKAGES
rm -rf "$root/srv/debian/lock" "$root/srv/debian/partial"
# Packed as Debian does (xz), half of an installation's time would be unpacking; it is the same content.
inside sh -ec 'cd /srv/debian
  for deb in *.deb; do
    dpkg-deb -R "$deb" /tmp/unpacked
    dpkg-deb -Zzstd -z3 -b /tmp/unpacked "$deb" >/dev/null
    rm -r /tmp/unpacked
  done'
# apt computes each checksum that the index names, for each package that it installs: one is enough.
(cd "$DUKAAN_IMAGE_POOL" && apt-ftparchive --md5=no --sha1=no --sha512=no packages . >Packages)

rm -rf "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/* "$root"/etc/apt/apt.conf.d/99mmdebstrap "$root"/etc/dpkg/dpkg.cfg.d/99mmdebstrap
cp -R --no-preserve=ownership "$DUKAAN_IMAGE_SOURCE/root/." "$root/"

# Package lists of the pool stay in the image: a machine needs no `apt-get update`.
rm -rf "$root"/var/lib/apt/lists/*
inside apt-get -qq update

# Nothing runs by the clock unless somebody wants it to; nobody sits at a console; the local cloud sets up interfaces.
inside systemctl --quiet disable apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer
inside systemctl --quiet mask systemd-tmpfiles-clean.timer console-getty.service getty.target systemd-networkd.service \
  systemd-network-generator.service systemd-remount-fs.service systemd-firstboot.service e2scrub_reap.service cloud-init-local.service
# Generators run at each boot and each daemon-reload, to find out what is known here: cloud-init always runs, and there
# are no partitions, consoles or kernel arguments.
mkdir -p "$root/etc/systemd/system-generators" "$root/etc/systemd/system/multi-user.target.wants"
for generator in cloud-init-generator systemd-{cryptsetup,debug,getty,gpt-auto,hibernate-resume,integritysetup,run,system-update,veritysetup}-generator; do
  ln -sf /dev/null "$root/etc/systemd/system-generators/$generator"
done
ln -sf /lib/systemd/system/cloud-init.target "$root/etc/systemd/system/multi-user.target.wants/cloud-init.target"

# What asks questions before each installation, although nobody answers.
rm -f "$root/etc/apt/apt.conf.d/70debconf"
# What must differ from machine to machine.
rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/hostname" "$root/var/lib/dbus/machine-id"
: >"$root/etc/machine-id"
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"
# No name server: a lookup fails at once instead of waiting for one that does not exist.
rm -f "$root/etc/resolv.conf"
printf '# The local cloud has no name server.\n' >"$root/etc/resolv.conf"
printf 'LANG=C.UTF-8\n' >"$root/etc/default/locale"
mkdir -p "$root/var/log/journal" "$root/var/lib/cloud/seed/nocloud" "$root/run/lxcfs"
rm -rf "$root"/var/log/{apt,dpkg.log,alternatives.log,bootstrap.log} "$root"/var/cache/debconf/*-old "$root"/var/cache/apt/archives/*.deb
