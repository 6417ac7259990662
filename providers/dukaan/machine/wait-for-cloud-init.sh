#!/bin/sh
# Waits until cloud-init has set the machine up (at most 300 s) and fails with its errors if it met any.
# Its status file is watched rather than `cloud-init status --wait`, which costs a second of CPU on a small machine.
set -eu
[ -e /run/cloud-init/disabled ] && exit 0
command -v cloud-init > /dev/null || exit 0
result=/run/cloud-init/result.json
waited=0
until [ -s "$result" ]; do
  if [ "$waited" -ge 1200 ]; then
    echo "cloud-init is still busy after 300 s:"
    tail -n 15 /var/log/cloud-init-output.log
    exit 1
  fi
  waited=$((waited + 1))
  sleep 0.25
done
if ! tr -d ' \n' < "$result" | grep -q '"errors":\[\]'; then
  echo "cloud-init ended with errors:"
  cat "$result"
  tail -n 15 /var/log/cloud-init-output.log
  exit 1
fi
