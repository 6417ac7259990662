#!/bin/bash
# The least that boots a machine from the base image: an overlay, a namespace, a cable, systemd-nspawn. No limits, no
# disk, no firewall, no /proc of its own. Prints the seconds until SSH answers; the local cloud is measured against it.
#
#   bare-boot.sh IMAGE [INDEX]    (root; e.g. ~/.cache/dukaan/images/debian-12-…; those that run at once: 0, 1, … 62)
set -euo pipefail
image=$1
index=${2:-0}
# a range for benchmarks (RFC 2544)
name=dkbare$$ folder=$(mktemp -d) gateway=198.18.77.$((4 * index + 1)) server=198.18.77.$((4 * index + 2))

cleanup() {
  [ -z "${machine:-}" ] || kill -KILL -- "-$machine" 2>/dev/null || true
  ip link delete "$name" 2>/dev/null || true
  ip netns delete "$name" 2>/dev/null || true
  for _ in $(seq 100); do umount "$folder/root" 2>/dev/null && break || sleep 0.02; done
  rm -rf "$folder"
}
trap cleanup EXIT
mountpoint -q /run || mountpoint -q /run/systemd/nspawn || {
  mkdir -p /run/systemd/nspawn && mount -t tmpfs tmpfs /run/systemd/nspawn
}

start=$EPOCHREALTIME
mkdir "$folder"/{upper,work,root,seed}
echo '{"instance-id": "bare", "local-hostname": "bare"}' >"$folder/seed/meta-data"
echo '#cloud-config' >"$folder/seed/user-data"
mount -t overlay "$name" -o "lowerdir=$image/root,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
ip netns add "$name"
ip link add "$name" type veth peer name eth0 netns "$name"
ip address add "$gateway/30" dev "$name"
ip link set "$name" up
ip -n "$name" link set lo up
ip -n "$name" address add "$server/30" dev eth0
ip -n "$name" link set eth0 up
setsid systemd-nspawn --quiet --settings=no --register=no --keep-unit --capability=CAP_NET_ADMIN --console=read-only \
  --network-namespace-path="/run/netns/$name" --resolv-conf=off --timezone=off --link-journal=no \
  --bind-ro="$folder/seed:/var/lib/cloud/seed/nocloud" --machine="$name" --directory="$folder/root" --boot \
  </dev/null >"$folder/console" 2>&1 &
machine=$!
disown
answers() { (exec 3<>"/dev/tcp/$server/22" && read -r -t 1 banner <&3 && [[ $banner == SSH-* ]]) 2>/dev/null; }
until answers; do sleep 0.01; done
now=$EPOCHREALTIME
awk "BEGIN { printf \"%.3f\\n\", $now - $start }"
