#!/bin/sh
# Runs a machine: mounts its root, has the container manager boot it in the machine's control groups, and leaves the exit
# status where it can be found by whoever looks after the machine then: that may be another process than the one that
# started it. To be called in a mount namespace of its own (unshare --mount): so nobody else can hold the machine's
# disk, and the mounts go with the last process, however that ends.
#
#   supervise.sh PIDFILE STATUSFILE COMMAND...
#   OWN_GROUPS, MACHINE_GROUPS: cgroup.procs files, separated by spaces
#   DISK_IMAGE, IMAGE_ROOT: what the root consists of;  DISK, ROOT: where to mount;  SOURCE: the root's name in mount lists
#   NETWORK_NAMESPACE: the machine's; COMMAND finds it as /proc/self/fd/9
pid_file=$1 status_file=$2
shift 2
for group in $OWN_GROUPS; do echo 0 >"$group" || exit 90; done
rm -f "$status_file"
# Process ids are used again; with its start time (field 22) it is this process and no other.
echo "$$ $(cut -d ' ' -f 22 /proc/$$/stat)" >"$pid_file.new" && mv "$pid_file.new" "$pid_file" || exit 91
cd / || exit 92

finish() { echo "$1" >"$status_file.new" && mv "$status_file.new" "$status_file"; exit; }

exec 9<"$NETWORK_NAMESPACE" || finish 93
# Copies of these mounts would keep other machines' namespaces alive after they were deleted.
umount -l -R /run/netns
mount -t ext4 -o loop,noatime,noinit_itable "$DISK_IMAGE" "$DISK" || finish 94
mount -t overlay "$SOURCE" -o "lowerdir=$IMAGE_ROOT,upperdir=$DISK/upper,workdir=$DISK/work" "$ROOT" || finish 95
(
  for group in $MACHINE_GROUPS; do echo 0 >"$group" || exit 96; done
  unset OWN_GROUPS MACHINE_GROUPS DISK_IMAGE IMAGE_ROOT DISK ROOT SOURCE NETWORK_NAMESPACE
  exec "$@"
)
status=$?
umount "$ROOT"
umount "$DISK"
finish "$status"
