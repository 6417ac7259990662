#!/bin/sh
# Makes a release the one that serves, without a failed request. Usage: switch-release.sh FOLDER
#
# FOLDER holds:
#   release  service, release id, runtime's folder name, user, seconds until it must be ready, server id, digest of
#            the bundle, seconds for which the previous release stands by, modules' folder name or -; separated by tabs
#   env      the release's environment (systemd's EnvironmentFile, readable by a shell too)
#   credentials  names of its variables that are credentials, a line each
#   bundle/  the release's files; absent when the machine has them
#   migrate  arguments of the runtime that migrate the database; absent when there are none
#   rotation/leave, rotation/join  commands that take the machine out of its balancers' rotation and put it back; absent:
#            it stays
#   prepare  present: the instance is started, looked at and left running, and nothing is switched; another run does that, or
#            the instance ends by itself after so many seconds
#   from     id of the release that must be current, or nothing is done; absent when any may be
#   fall-back  fall-back-release.sh, to be kept on the machine; absent when it is there
# and checks/N with checks/N.seconds as for apply-role.sh.
#
# The service's template unit dukaan-SERVICE@.service must be there (a role installs it). An instance listens on
# /run/dukaan/SERVICE-ID.sock; /run/dukaan/SERVICE.sock is a symlink to the one that serves. At every moment of a power
# cut, the release that `current` names is enabled.
#
# After the switch the previous instance stands by: nginx turns to /run/dukaan/SERVICE-standby.sock when the new one does
# not take a connection, and fall-back-release.sh switches back when it ends. When the time is over, this script runs
# once more for the same release, with nothing to stand by.
set -eu
umask 022
export LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

incoming=$1
tab=$(printf '\t')
IFS=$tab read -r service id runtime user seconds server bundle standby modules < "$incoming/release"
releases=/opt/dukaan/releases/$service
folder=$releases/$id
unit=dukaan-$service@$id.service
socket=/run/dukaan/$service-$id.sock
tools=/usr/local/lib/dukaan
standby_link=/run/dukaan/$service-standby.sock
tried=/run/dukaan/$service-$id.tried # the instance was started by a run that prepared the switch

step() { echo "@step $*"; }
fail() {
  echo "$*"
  exit 1
}

install -d -m 0755 /opt/dukaan /opt/dukaan/releases "$releases"
exec 8> "$releases/.lock"
flock -w 300 8 || fail "another run still switches $service after 300 s"

# What serves now. After an interrupted switch it may be this very release.
previous=$(basename "$(readlink "$releases/current" || true)")
stood_by=$(readlink "$standby_link" || true)
# What serves is no candidate, also when the run was killed that switched to it.
[ -z "$previous" ] || rm -f "$releases/$previous/.candidate"
if [ -f "$incoming/from" ] && [ "$(cat "$incoming/from")" != "$previous" ]; then
  echo "release $previous serves $service meanwhile; nothing to do"
  exit 0
fi
brought=no  # this run put the release's files there
started=no  # this run started the instance
switched=no # requests go to the new instance
left=no     # balancers send nothing here

put_link() { # target, link: in one step, whatever was there
  ln -sfn "$1" "$2.new"
  mv -fT "$2.new" "$2"
}

point_to() { # release id
  put_link "$1" "$releases/current"
  put_link "$service-$1.sock" "/run/dukaan/$service.sock"
}

# The release that stands by: none when the one before is this one, does not run, or is to go at once.
choose_standby() {
  keep=
  [ "$standby" -gt 0 ] && [ -n "$previous" ] || return 0
  [ "$previous" = "$id" ] || keep=$previous
  # A repetition: who stands by for this release goes on to.
  if [ "$previous" = "$id" ] && [ -n "$stood_by" ]; then
    keep=${stood_by#"$service-"}
    keep=${keep%.sock}
  fi
  [ -n "$keep" ] && systemctl is-active --quiet "dukaan-$service@$keep.service" || keep=
}

began=$(date +%s)

# What the instance had to say since this run began.
journal() { journalctl --unit "$unit" --since "@$began" --lines 30 --quiet --no-pager --output cat || true; }

roll_back() {
  set +e
  step rollback
  if [ "$switched" = yes ]; then
    if [ -n "$previous" ] && [ "$previous" != "$id" ]; then
      point_to "$previous"
      if [ -n "$stood_by" ]; then put_link "$stood_by" "$standby_link"; else rm -f "$standby_link"; fi
      sleep 1
    elif [ -z "$previous" ]; then
      rm -f "$releases/current" "/run/dukaan/$service.sock"
    fi
  fi
  [ "$previous" != "$id" ] || return 0 # it served before, however badly: leave it
  # Or the run before started it, to be switched to.
  if [ "$started" = yes ] || [ -e "$tried" ]; then
    systemctl disable --quiet --now "$unit"
    systemctl reset-failed "$unit" 2>/dev/null
    rm -f "$socket" "$tried"
  fi
  [ "$brought" = no ] || rm -rf "${folder:?}"
}

finish() {
  status=$?
  trap - EXIT TERM HUP INT PIPE
  [ "$status" -eq 0 ] || roll_back
  [ "$left" = no ] || join_rotation || true
  exit "$status"
}
trap finish EXIT
trap 'exit 143' TERM HUP INT
trap 'exit 141' PIPE

bring_release() {
  [ -d "$incoming/bundle" ] || return 0
  step "files"
  group=$(id -gn "$user")
  rm -rf "$incoming/bundle/env" "$incoming/bundle/node" "$incoming/bundle/node_modules"
  find "$incoming/bundle" -type d -exec chmod 0755 {} +
  (cd "$incoming/bundle" && find . -type f -exec sha256sum {} + > "$incoming/sums")
  ln -s "../../../runtimes/$runtime/bin/node" "$incoming/bundle/node"
  [ "$modules" = - ] || ln -s "../../../modules/$modules/node_modules" "$incoming/bundle/node_modules"
  install -m 0640 -o root -g "$group" "$incoming/env" "$incoming/bundle/env"
  (cd "$incoming/bundle" && sha256sum env >> "$incoming/sums")
  mv "$incoming/sums" "$incoming/bundle/.sums"
  echo "$bundle" > "$incoming/bundle/.bundle"
  cp "$incoming/credentials" "$incoming/bundle/.credentials"
  if [ -d "$folder" ]; then # its files were changed by hand
    [ ! -e "$folder/.candidate" ] || : > "$incoming/bundle/.candidate"
    mv -T "$folder" "$incoming/modified"
    [ "$previous" != "$id" ] || restart=yes
  else
    # Nobody goes back to what has never served. With the files, so that no power cut comes between.
    : > "$incoming/bundle/.candidate"
    brought=yes
  fi
  mv -T "$incoming/bundle" "$folder"
}

# In a unit of its own: with the release's user and environment, and none of it in an argument.
# shellcheck disable=SC2120 # the arguments are set inside
migrate_database() {
  [ -f "$incoming/migrate" ] || return 0
  step migrate
  # shellcheck disable=SC2046 # quoted words, one argument each
  eval "set -- $(cat "$incoming/migrate")"
  systemd-run --quiet --pipe --wait --collect --unit "dukaan-$service-migrate-$id" \
    --property "User=$user" --property "EnvironmentFile=$folder/env" --property "WorkingDirectory=$folder" \
    "$folder/node" "$@" < /dev/null || fail "the migration failed; nothing was switched"
}

start_instance() {
  step "start"
  systemctl reset-failed "$unit" 2>/dev/null || true
  if [ "${restart:-no}" = yes ]; then
    systemctl restart "$unit" || { journal && fail "the instance does not start"; }
  elif ! systemctl is-active --quiet "$unit"; then
    started=yes
    systemctl start "$unit" || { journal && fail "the instance does not start"; }
  fi
}

wait_until_ready() {
  step "readyz"
  deadline=$(($(date +%s) + seconds))
  until curl --silent --fail --max-time 2 --unix-socket "$socket" http://localhost/readyz > /dev/null 2>&1; do
    restarts=$(systemctl show --property NRestarts --value "$unit")
    if systemctl is-failed --quiet "$unit" || [ "$restarts" -ge 3 ]; then
      journal
      fail "the instance ended instead of becoming ready (started $((restarts + 1)) times)"
    fi
    if [ "$(date +%s)" -ge "$deadline" ]; then
      journal
      curl --silent --show-error --max-time 2 --unix-socket "$socket" http://localhost/readyz || true
      fail "the instance did not become ready within $seconds s"
    fi
    sleep 0.2
  done
  restarts_when_ready=$(systemctl show --property NRestarts --value "$unit")
}

run_checks() {
  number=1
  while [ -f "$incoming/checks/$number" ]; do
    step "checks $number"
    patience=$(cat "$incoming/checks/$number.seconds")
    deadline=$(($(date +%s) + patience))
    until timeout --foreground "$patience" sh "$incoming/checks/$number" > "$incoming/check.log" 2>&1 < /dev/null; do
      if [ "$(date +%s)" -ge "$deadline" ]; then
        cat "$incoming/check.log"
        fail "did not succeed within $patience s: $(cat "$incoming/checks/$number")"
      fi
      sleep 0.5
    done
    number=$((number + 1))
  done
}

# It was ready; it still must be, with visitors: one that ends now is left before it goes to another machine.
stay_ready() {
  step "still ready"
  if [ -f "$incoming/rotation/join" ] || [ -f "$incoming/prepare" ]; then sleep 2; fi
  restarts=$(systemctl show --property NRestarts --value "$unit")
  if [ "$restarts" -ne "$restarts_when_ready" ] || ! systemctl is-active --quiet "$unit"; then
    journal
    fail "the instance was ready and ended soon after"
  fi
}

# The instances before and after the switch are both ready, so a balancer that does not listen is no reason to stop.
leave_rotation() {
  [ -f "$incoming/rotation/leave" ] || return 0
  step "out of rotation"
  left=yes
  sh "$incoming/rotation/leave" < /dev/null || echo "the machine did not leave the rotation"
}
join_rotation() {
  [ "$left" = yes ] || return 0
  step "in rotation"
  sh "$incoming/rotation/join" < /dev/null
  left=no
}

# Every other instance that runs or would start at boot. SIGTERM drains it; the unit says for how long. The one that
# stands by goes on, but does not start at boot.
stop_others() {
  {
    systemctl list-units --all --plain --no-legend "dukaan-$service@*.service" | cut -d ' ' -f 1
    find /etc/systemd/system -path "*.wants/dukaan-$service@*.service" -printf '%f\n'
  } | sort -u | grep -Fvx "$unit" | while read -r other; do
    if [ "$other" = "dukaan-$service@$keep.service" ]; then
      systemctl disable --quiet "$other" || true
      continue
    fi
    systemctl disable --quiet --now "$other" || true
    systemctl reset-failed "$other" 2>/dev/null || true
    # One that was killed leaves its socket behind.
    other=${other#"dukaan-$service@"}
    rm -f "/run/dukaan/$service-${other%.service}.sock"
  done
}

# A timer of its own, in /run: after a boot there is nothing to end.
end_standby_later() {
  timer=dukaan-$service-settle
  systemctl stop "$timer.timer" 2>/dev/null || true
  [ -n "$keep" ] || return 0
  systemd-run --quiet --collect --unit "$timer" --on-active "$standby" \
    --timer-property AccuracySec=1s "$tools/fall-back-release" settle "$service" "$id"
}

keep_tools() {
  [ -f "$incoming/fall-back" ] || return 0
  install -d -m 0755 "$tools"
  install -m 0755 "$incoming/script" "$tools/switch-release"
  install -m 0755 "$incoming/fall-back" "$tools/fall-back-release"
}

# Nobody has been sent to it, so nobody has seen a page of it.
ask_first_page() {
  step "first page"
  status=$(curl --silent --output /dev/null --write-out '%{http_code}' --max-time 10 --unix-socket "$socket" \
    http://localhost/) || true
  case $status in
    [1234]??) ;;
    *) journal && fail "the instance is ready and answers $status for its first page" ;;
  esac
}

end_candidate_later() {
  timer=dukaan-$service-expire
  systemctl stop "$timer.timer" 2>/dev/null || true
  systemd-run --quiet --collect --unit "$timer" --on-active "$(cat "$incoming/prepare")" \
    --timer-property AccuracySec=1s "$tools/fall-back-release" expire "$service" "$id"
}

# What did not work here is not tried again by accident, e.g. because a setting has changed.
refuse_failed() {
  when=$(grep -s "^$bundle$tab" "$releases/.failed" | tail -n 1 | cut -f 3-) || true
  [ -z "$when" ] || fail "this bundle was taken back here: $when
Deploy a changed one; or, to try this one again: ./dukaan up --release latest"
}

# The newest three stay, so that going back needs no upload; of what was only tried, nothing.
prune() {
  find "$releases" -mindepth 2 -maxdepth 2 -name .candidate -printf '%h\n' | while read -r unused; do rm -rf "$unused"; done
  find "$releases" -mindepth 1 -maxdepth 1 -type d ! -name "$id" -printf '%T@ %p\n' | sort -rn | tail -n +3 |
    cut -d ' ' -f 2- | while read -r old; do rm -rf "$old"; done
  prune_modules
}

# Those that no release uses, unless they have just been sent for another one.
prune_modules() {
  [ -d /opt/dukaan/modules ] || return 0
  used=$(find /opt/dukaan/releases -mindepth 3 -maxdepth 3 -name node_modules -type l -printf '%l\n')
  find /opt/dukaan/modules -mindepth 1 -maxdepth 1 -type d -mmin +60 -printf '%f\n' | while read -r name; do
    case $used in
      *"/modules/$name/"*) ;;
      *) rm -rf "/opt/dukaan/modules/${name:?}" ;;
    esac
  done
}

command -v curl > /dev/null || fail "curl is not installed; a role must bring it"
refuse_failed
keep_tools
bring_release
migrate_database
start_instance
wait_until_ready
if [ -f "$incoming/prepare" ]; then
  : > "$tried"
  ask_first_page
  stay_ready
  end_candidate_later
  exit 0
fi
# A power cut must not leave links to files that were never written.
sync -f "$folder"
leave_rotation
step "switch"
systemctl enable --quiet "$unit"
switched=yes
choose_standby
[ -z "$keep" ] || put_link "$service-$keep.sock" "$standby_link"
point_to "$id"
run_checks
# A request that was about to be sent to the old instance's socket is sent by now.
sleep 1
join_rotation
stay_ready
# From here on it has served.
rm -f "$folder/.candidate" "$tried"
step "drain"
[ -n "$keep" ] || rm -f "$standby_link"
stop_others
end_standby_later
touch "$folder"
echo "$server" > "$releases/.server"
prune
# What is said to be done from here on stays done.
sync "$releases/.server" "$releases"
