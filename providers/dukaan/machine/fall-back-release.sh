#!/bin/sh
# Goes back to an earlier release on this machine, with what is on it: no upload, no migration. Deployments keep it as
# /usr/local/lib/dukaan/fall-back-release.
#   exited  SERVICE ID         an instance ended (systemd's ExecStopPost, with SERVICE_RESULT): when it is the current one
#                              and another stands by, goes back
#   back    SERVICE ID REASON  leaves the release ID, if it is the current one, for the latest good one of another bundle.
#                              Says on standard output which release is current then, and its bundle's digest, separated
#                              by a tab
#   earlier SERVICE ID         says the digest of the bundle that `back` would try first, and changes nothing
#   crashed SERVICE ID REASON  the same as `back`, but another environment of the same bundle is good enough
#   expire  SERVICE ID         ends an instance that was started to be switched to, and was not
#   settle  SERVICE ID         ends the time in which an earlier release stands by for ID
#
# SERVICE's releases/.failed lists what was left: bundle, release, time, reason, separated by tabs. Such a bundle is not
# deployed again.
set -eu
umask 022
export LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

action=$1
service=$2
id=$3
reason=${4:-}
releases=/opt/dukaan/releases/$service
tab=$(printf '\t')

current() { basename "$(readlink "$releases/current" || true)"; }

# Releases that served well, the latest first; the one that stands by is ahead of all.
candidates() {
  readlink "/run/dukaan/$service-standby.sock" | sed "s/^$service-//; s/\.sock\$//" || true
  find "$releases" -mindepth 1 -maxdepth 1 -type d -printf '%T@ %f\n' | sort -rn | cut -d ' ' -f 2
}

is_good() { # release id
  [ "$1" != "$id" ] && [ -f "$releases/$1/.bundle" ] && [ ! -e "$releases/$1/.candidate" ] &&
    { [ "$action" = crashed ] || ! cmp -s "$releases/$1/.bundle" "$releases/$id/.bundle"; } &&
    ! grep -qs "^$(cat "$releases/$1/.bundle")$tab" "$releases/.failed"
}

# Its credentials may have been changed since it served: it gets those of the release that is current.
renew_credentials() { # release id
  [ "$1" != "$id" ] && [ -s "$releases/current/.credentials" ] || return 0
  folder=$releases/$1
  cp -p "$folder/env" "$folder/env.new" # its owner and mode
  awk -F= 'FILENAME == ARGV[1] { names[$1]; next }
    FILENAME == ARGV[2] { if ($1 in names) now[$1] = $0; next }
    { print $1 in now ? now[$1] : $0 }' \
    "$releases/current/.credentials" "$releases/current/env" "$folder/env" > "$folder/env.new"
  if cmp -s "$folder/env" "$folder/env.new"; then
    rm "$folder/env.new"
  else
    mv "$folder/env.new" "$folder/env"
    (cd "$folder" && sed -i '/  env$/d' .sums && sha256sum env >> .sums)
  fi
}

# Runs switch-release.sh for a release that is here, unless another than ID has become current.
switch_to() { # release id
  folder=$(mktemp -d)
  printf '%s\t' "$service" "$1" - - 30 "$(cat "$releases/.server")" "$(cat "$releases/$1/.bundle")" > "$folder/release"
  echo 0 >> "$folder/release"
  echo "$id" > "$folder/from"
  result=0
  /usr/local/lib/dukaan/switch-release "$folder" >&2 || result=$?
  rm -rf "$folder"
  return "$result"
}

go_back() {
  # An `if` keeps a failure from ending the script: the next candidate is tried.
  for candidate in $(candidates); do
    is_good "$candidate" || continue
    renew_credentials "$candidate"
    if switch_to "$candidate"; then
      if [ "$(current)" = "$candidate" ]; then
        printf '%s\t%s\t%s\t%s\n' "$(cat "$releases/$id/.bundle")" "$id" "$(date -Is)" "$reason" >> "$releases/.failed"
        echo "release $id of $service was left for $candidate: $reason" >&2
      fi
      return 0
    fi
  done
  echo "there is no earlier release of $service on this machine that gets ready" >&2
  return 1
}

case $action in
  exited)
    [ "$SERVICE_RESULT" != success ] && [ "$(current)" = "$id" ] && [ -L "/run/dukaan/$service-standby.sock" ] || exit 0
    # In a unit of its own: this one is about to be stopped.
    exec systemd-run --quiet --collect --no-block --unit "dukaan-$service-fall-back" \
      "$0" crashed "$service" "$id" "ended by itself (${EXIT_CODE:-$SERVICE_RESULT} ${EXIT_STATUS:-})"
    ;;
  back | crashed)
    if [ "$(current)" = "$id" ]; then go_back; fi
    printf '%s\t%s\n' "$(current)" "$(cat "$releases/current/.bundle")"
    ;;
  earlier)
    if [ "$(current)" = "$id" ]; then
      for candidate in $(candidates); do
        is_good "$candidate" || continue
        cat "$releases/$candidate/.bundle"
        exit 0
      done
      exit 1
    fi
    cat "$releases/current/.bundle"
    ;;
  expire)
    exec 8> "$releases/.lock"
    flock -w 300 8
    case $(readlink "/run/dukaan/$service.sock" "/run/dukaan/$service-standby.sock" || true) in
      *"$service-$id.sock"*) exit 0 ;;
    esac
    systemctl stop "dukaan-$service@$id.service"
    rm -f "/run/dukaan/$service-$id.sock" "/run/dukaan/$service-$id.tried"
    ;;
  settle)
    # Stopped on purpose, e.g. while the database is restored: nothing of it is to be started now.
    if systemctl is-active --quiet "dukaan-$service@$id.service"; then switch_to "$id"; fi
    ;;
  *)
    echo "usage: fall-back-release exited|back|earlier|crashed|expire|settle SERVICE ID [REASON]" >&2
    exit 64
    ;;
esac
