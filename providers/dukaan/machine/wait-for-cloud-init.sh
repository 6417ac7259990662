#!/bin/sh
# Waits until cloud-init has set the machine up (at most 300 s) and fails with its words if it did not do all of it.
# Its status file is watched rather than `cloud-init status --wait`, which costs a second of CPU on a small machine.
#
# "done" alone says little: user-data that is no YAML, or of a kind that cloud-init does not know, is left out with a
# warning in the log, and a machine that finds no data source at all is set up with nothing.
set -eu
export LC_ALL=C.UTF-8
command -v cloud-init > /dev/null || exit 0
result=/run/cloud-init/result.json
log=/var/log/cloud-init.log

fail() { # what happened; further lines come over standard input
  echo "cloud-init $1"
  sed 's/^/  /'
  echo "Its log: $log and /var/log/cloud-init-output.log. When the user-data is corrected, make the machine anew:"
  echo "./dukaan rebuild <machine> (its disk is lost)."
  exit 1
}

if [ -e /run/cloud-init/disabled ]; then
  # Somebody has switched it off after it had done its work: his decision.
  [ ! -e /var/lib/cloud/instance/boot-finished ] || exit 0
  fail "did not run on this machine: no data source was found" < /run/cloud-init/ds-identify.log
fi

waited=0
until [ -s "$result" ]; do
  [ "$waited" -lt 1200 ] || tail -n 15 /var/log/cloud-init-output.log | fail "is still busy after 300 s"
  waited=$((waited + 1))
  sleep 0.25
done

# {"v1": {"datasource": "…", "errors": […]}}
facts=$(tr -d '\n' < "$result")
if ! echo "$facts" | grep -q '"errors": *\[ *\]'; then
  { cat "$result" && tail -n 15 /var/log/cloud-init-output.log; } | fail "ended with errors:"
fi
if echo "$facts" | grep -q '"datasource": *"DataSourceNone'; then
  echo "No user-data reached the machine." | fail "found no data source:"
fi
# Of this boot: each begins with such a line. What schema.py says is left out: it also judges the image's own settings.
warnings=$(awk '/Cloud-init v\. .* running .init(-local)?. at/ { found = "" }
  / - [^ ]+\[(WARNING|ERROR|CRITICAL)\]: / { found = found $0 "\n" }
  END { printf "%s", found }' "$log" | grep -v 'schema\.py' | grep -Ei 'yaml|user-?data|cloud.config|multipart' || true)
[ -z "$warnings" ] || echo "$warnings" | tail -n 15 | fail "did not take all of the user-data:"
