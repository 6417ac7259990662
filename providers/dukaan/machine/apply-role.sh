#!/bin/sh
# Applies one role to this machine. Usage: apply-role.sh FOLDER
#
# FOLDER holds, one item a line, fields separated by tabs:
#   role         name, digest, server id
#   packages     Debian package
#   users        name, system (yes/no), home, shell, further groups (separated by commas)
#   directories  mode, owner, group, path
#   files        SHA-256, mode, owner, group, path
#   services     unit, enabled (yes/no), what to do on a change (restart/reload/none)
# and root/ with the files under their absolute paths, validate/N, activate/N and checks/N with a command each,
# checks/N.seconds with its patience. N counts from 1.
#
# Every step brings about a condition and can be repeated. The files are switched one by one by rename; a failure
# after the first switch brings the previous ones back. The record (current) is written last: without it, or with
# `pending` beside it, the next run does everything again.
#
# Lines that begin with "@step" tell the caller where we are.
set -eu
umask 022
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

incoming=$1
tab=$(printf '\t')
IFS=$tab read -r name digest _ < "$incoming/role"
home=/var/lib/dukaan/roles/$name
switched=no  # something on the machine is no longer as it was
changed=no   # the services have something new to read
reacting=no  # a running service was told to read it, which may take a moment
forbidden=no # services must not start by being installed

step() { echo "@step $*"; }
fail() {
  echo "$*"
  exit 1
}

# Two runs for the same role (an interrupted one may still be busy) take turns.
install -d -m 0711 /var/lib/dukaan/roles "$home"
exec 8> "$home/lock"
flock -w 300 8 || fail "another run still applies the role $name after 300 s"

# --- packages ---------------------------------------------------------------------------------------------------

missing_packages() {
  while read -r package; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done < "$incoming/packages"
}

# Nothing starts by being installed: its configuration is not there yet, and nginx would open port 80 with its own.
forbid_starts() {
  [ ! -e /usr/sbin/policy-rc.d ] || return 0 # somebody else's, or ours from a run that was cut off
  printf '#!/bin/sh\n# dukaan: services start when their configuration is in place\nexit 101\n' > /usr/sbin/policy-rc.d
  chmod 0755 /usr/sbin/policy-rc.d
}
allow_starts() {
  if grep -qs dukaan /usr/sbin/policy-rc.d; then rm -f /usr/sbin/policy-rc.d; fi
}

apt_install() {
  apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

install_packages() {
  [ -n "$(missing_packages)" ] || [ -e /usr/sbin/policy-rc.d ] || return 0
  exec 7> /run/lock/dukaan-packages
  flock -w 900 7 || fail "another role still installs packages after 900 s"
  packages=$(missing_packages) # asked anew: another role may have brought them
  forbidden=yes
  if [ -n "$packages" ]; then
    step packages
    forbid_starts
    dpkg --configure -a # an installation that was cut off
    # The package lists may be missing or older than the archive; only then are they fetched.
    # shellcheck disable=SC2086 # the names are separate words
    apt_install $packages || { apt-get update -q -o DPkg::Lock::Timeout=120 && apt_install $packages; }
    changed=yes
  fi
  allow_starts
  forbidden=no
  exec 7>&-
}

# --- users and directories --------------------------------------------------------------------------------------

make_users() {
  while IFS=$tab read -r user system user_home shell groups; do
    if ! getent passwd "$user" > /dev/null; then
      set -- --no-create-home
      [ "$system" = no ] || set -- "$@" --system
      if getent group "$user" > /dev/null; then set -- "$@" --gid "$user"; else set -- "$@" --user-group; fi
      useradd "$@" --home-dir "$user_home" --shell "$shell" "$user"
    fi
    [ "$(getent passwd "$user" | cut -d: -f6,7)" = "$user_home:$shell" ] ||
      usermod --home "$user_home" --shell "$shell" "$user"
    for group in $(echo "$groups" | tr , ' '); do
      id -nG "$user" | tr ' ' '\n' | grep -qx "$group" || usermod --append --groups "$group" "$user"
    done
  done < "$incoming/users"
}

make_directories() {
  while IFS=$tab read -r mode owner group path; do
    install -d -m "$mode" -o "$owner" -g "$group" "$path"
  done < "$incoming/directories"
}

# --- files ------------------------------------------------------------------------------------------------------

# Gives the new files their owners and modes where they are, so that a validating program may read them as itself.
stage_files() {
  mkdir -p "$incoming/root"
  find "$incoming/root" -type d -exec chmod 0755 {} +
  while IFS=$tab read -r _ mode owner group path; do
    chown "$owner:$group" "$incoming/root$path"
    chmod "$mode" "$incoming/root$path"
  done < "$incoming/files"
  staged=$home/$digest
  rm -rf "$staged"
  mv -T "$incoming" "$staged"
  incoming=$staged
  chmod 0711 "$staged"
}

is_installed() { # SHA-256, mode, owner, group, path
  [ -f "$5" ] && [ ! -L "$5" ] && [ "$(stat -c '%a %U %G' "$5")" = "$2 $3 $4" ] &&
    [ "$(sha256sum < "$5")" = "$1  -" ]
}

backup_file() {
  if [ -e "$1" ] || [ -L "$1" ]; then
    mkdir -p "$home/backup/root$(dirname "$1")"
    cp -a "$1" "$home/backup/root$1"
    echo "$1" >> "$home/backup/present"
  else
    echo "$1" >> "$home/backup/absent"
  fi
}

install_files() {
  rm -rf "$home/backup"
  mkdir -m 0700 "$home/backup"
  : > "$home/backup/present"
  : > "$home/backup/absent"
  : > "$home/backup/services"
  [ ! -e "$home/pending" ] || changed=yes # the services of an interrupted run have not seen its files yet
  while IFS=$tab read -r sum mode owner group path; do
    is_installed "$sum" "$mode" "$owner" "$group" "$path" && continue
    begin_switch
    backup_file "$path"
    mkdir -p "$(dirname "$path")"
    cp -p "$incoming/root$path" "$path.dukaan-new"
    mv -fT "$path.dukaan-new" "$path"
  done < "$incoming/files"
  # What the role had and has no more.
  if [ -f "$home/current/files" ]; then
    cut -f 5 "$incoming/files" > "$home/backup/wanted"
    cut -f 5 "$home/current/files" | grep -Fvx -f "$home/backup/wanted" > "$home/backup/gone" || true
    while read -r path; do
      [ -e "$path" ] || continue
      begin_switch
      backup_file "$path"
      rm -f "$path"
    done < "$home/backup/gone"
  fi
}

begin_switch() {
  : > "$home/pending"
  switched=yes
  changed=yes
}

# systemd has to read its units again when one of them was switched.
reload_units() {
  ! cat "$home/backup/present" "$home/backup/absent" | grep -Eq '^/(etc|run|usr/lib|lib)/systemd/system/' ||
    systemctl daemon-reload
}

# --- services ---------------------------------------------------------------------------------------------------

began=$(date +%s)

# What a unit had to say since this run began.
journal() { journalctl --unit "$1" --since "@$began" --lines 15 --quiet --no-pager --output cat || true; }

# Brings a unit to its condition; $2: whether what it reads has changed.
start_service() { # unit, changed, what to do on a change
  if systemctl is-active --quiet "$1"; then
    [ "$2" = yes ] || return 0
    [ "$3" = none ] || reacting=yes
    case $3 in
    restart) systemctl restart "$1" ;;
    reload) systemctl reload-or-restart "$1" ;;
    esac
  else
    systemctl reset-failed "$1" 2>/dev/null || true
    systemctl start "$1"
  fi
}

apply_services() {
  while IFS=$tab read -r unit enabled on_change; do
    step "service $unit"
    active=no
    systemctl is-active --quiet "$unit" && active=yes
    was_enabled=no
    systemctl is-enabled --quiet "$unit" 2>/dev/null && was_enabled=yes
    printf '%s\t%s\t%s\t%s\n' "$unit" "$active" "$was_enabled" "$on_change" >> "$home/backup/services"
    if [ "$enabled" = yes ]; then
      switched=yes
      [ "$was_enabled" = yes ] || systemctl enable --quiet "$unit"
      start_service "$unit" "$changed" "$on_change" || {
        journal "$unit"
        fail "the service $unit does not start with the new configuration"
      }
    elif [ "$active" = yes ] || [ "$was_enabled" = yes ]; then
      switched=yes
      systemctl disable --quiet --now "$unit"
    fi
  done < "$incoming/services"
}

# --- commands ---------------------------------------------------------------------------------------------------

run_commands() { # folder
  number=1
  while [ -f "$incoming/$1/$number" ]; do
    step "$1 $number"
    timeout --foreground 300 sh "$incoming/$1/$number" < /dev/null || {
      [ $? -ne 124 ] || echo "still busy after 300 s"
      fail "failed: $(cat "$incoming/$1/$number")"
    }
    number=$((number + 1))
  done
}

# After a reload the old configuration still answers for a moment; a check that met it would prove nothing.
run_checks() {
  number=1
  [ "$reacting" = no ] || [ ! -f "$incoming/checks/1" ] || sleep 0.5
  while [ -f "$incoming/checks/$number" ]; do
    step "checks $number"
    seconds=$(cat "$incoming/checks/$number.seconds")
    deadline=$(($(date +%s) + seconds))
    until timeout --foreground "$seconds" sh "$incoming/checks/$number" > "$home/check.log" 2>&1 < /dev/null; do
      if [ "$(date +%s)" -ge "$deadline" ]; then
        cut -f 1 "$incoming/services" | while read -r unit; do journal "$unit"; done
        cat "$home/check.log"
        fail "did not succeed within $seconds s: $(cat "$incoming/checks/$number")"
      fi
      sleep 0.5
    done
    number=$((number + 1))
  done
}

# --- the way back -----------------------------------------------------------------------------------------------

roll_back() {
  set +e
  step "rollback"
  # What was not there before goes while its unit file is still there.
  while IFS=$tab read -r unit active enabled _; do
    [ "$active" = yes ] || systemctl stop "$unit"
    [ "$enabled" = yes ] || systemctl disable --quiet "$unit"
  done < "$home/backup/services"
  while read -r path; do
    cp -a "$home/backup/root$path" "$path.dukaan-old" && mv -fT "$path.dukaan-old" "$path"
  done < "$home/backup/present"
  while read -r path; do rm -f "$path"; done < "$home/backup/absent"
  reload_units
  while IFS=$tab read -r unit active enabled on_change; do
    [ "$active" = no ] || start_service "$unit" "$changed" "$on_change"
    [ "$enabled" = no ] || systemctl enable --quiet "$unit"
  done < "$home/backup/services"
  rm -f "$home/pending"
}

finish() {
  status=$?
  trap - EXIT TERM HUP INT PIPE
  [ "$forbidden" = no ] || allow_starts
  if [ "$status" -ne 0 ]; then
    [ "$switched" = no ] || roll_back
    [ "$(readlink "$home/current")" = "$digest" ] || rm -rf "${home:?}/$digest"
  fi
  # The staged files have become the real ones, or never will: no second copy of a secret stays behind.
  rm -rf "$home/$digest/root" "$home/backup" "$home/check.log"
  exit "$status"
}
trap finish EXIT
trap 'exit 143' TERM HUP INT
trap 'exit 141' PIPE

install_packages
step "users"
make_users
make_directories
stage_files
run_commands validate
step "files"
install_files
reload_units
apply_services
run_commands activate
run_checks

# The record. What it says is there is there after a power cut too, with the packages.
sync -f "$home"
ln -sfn "$digest" "$home/current.new"
mv -fT "$home/current.new" "$home/current"
rm -f "$home/pending"
find "$home" -mindepth 1 -maxdepth 1 -type d ! -name "$digest" ! -name backup -exec rm -rf {} +
