#!/bin/sh
# Runs a machine's container manager in the machine's control groups, and leaves its exit status where it can be found
# by whoever looks after the machine then: that may be another process than the one that started it.
#
#   supervise.sh PIDFILE STATUSFILE COMMAND...
#   OWN_GROUPS, MACHINE_GROUPS: cgroup.procs files, separated by spaces
pid_file=$1 status_file=$2
shift 2
for group in $OWN_GROUPS; do echo 0 >"$group" || exit 90; done
rm -f "$status_file"
# Process ids are used again; with its start time (field 22) it is this process and no other.
echo "$$ $(cut -d ' ' -f 22 /proc/$$/stat)" >"$pid_file.new" && mv "$pid_file.new" "$pid_file" || exit 91
cd / || exit 92
(
  for group in $MACHINE_GROUPS; do echo 0 >"$group" || exit 93; done
  unset OWN_GROUPS MACHINE_GROUPS
  exec "$@"
)
echo $? >"$status_file.new" && mv "$status_file.new" "$status_file"
