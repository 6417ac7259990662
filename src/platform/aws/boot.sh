#!/bin/sh
# User-data of machines that an Auto Scaling group starts, at any hour: nobody is there to configure them. Fetches the
# package that the launch template names, applies what is in it, and tells the group whether requests may come here.
# cloud-init runs it once an instance, as root, late in the first boot; its output is on the console
# (aws ec2 get-console-output). There is no secret in it: the machine's role of IAM opens the bucket.
set -eu
umask 077
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

region='{{region}}'
storage='{{storage}}' # origins of the S3 API and of the Auto Scaling API
scaling='{{scaling}}'
bucket='{{bucket}}'
package='{{key}}' # its key in the bucket, and its SHA-256
digest='{{digest}}'
group='{{group}}'
hook='{{hook}}'
# PEM of the authority that signed for both; empty: one that the system knows.
authority='{{caCertificate}}'

metadata=http://169.254.169.254/latest
home=/var/lib/dukaan/boot
patience=300 # seconds in which the network, and what the role may, are waited for
tab=$(printf '\t')

say() { echo "dukaan: $*" >&3; }
step() {
  at=$*
  say "$at"
}
fail() {
  echo "$*"
  exit 1
}

# Until it succeeds: the way to the internet and the role's rights may be younger than this machine.
insist() { # command
  deadline=$(($(date +%s) + patience))
  until "$@"; do
    [ "$(date +%s)" -lt "$deadline" ] || fail "still not so after $patience s"
    sleep 5
  done
}

# --- AWS ----------------------------------------------------------------------------------------------------------

install_curl() {
  apt-get update -q && apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=120 curl ca-certificates
}

# What must stay secret is never an argument, which every user of the machine can see: curl reads it from standard input.
ask_metadata() { # path
  token=$(curl --silent --show-error --fail --max-time 5 --request PUT \
    --header 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$metadata/api/token") &&
    printf 'header = "X-aws-ec2-metadata-token: %s"\n' "$token" |
    curl --silent --show-error --fail --max-time 5 --config - "$metadata/$1"
}

credential() { printf '%s' "$credentials" | sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p"; }

# A request that is signed with what the machine's role lends it.
ask_aws() { # service, arguments of curl
  service=$1
  shift
  role=$(ask_metadata meta-data/iam/security-credentials/) &&
    credentials=$(ask_metadata "meta-data/iam/security-credentials/$role") &&
    printf 'user = "%s:%s"\nheader = "x-amz-security-token: %s"\n' \
      "$(credential AccessKeyId)" "$(credential SecretAccessKey)" "$(credential Token)" |
    curl --silent --show-error --fail-with-body --config - ${authority:+--cacert "$home/authority.pem"} \
      --aws-sigv4 "aws:amz:$region:$service" --connect-timeout 10 --max-time 300 "$@"
}

# curl signs for S3 only what it is told that the body is: nothing.
nothing=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855

get_object() { # key, file
  ask_aws s3 --header "x-amz-content-sha256: $nothing" --output "$2" "$storage/$bucket/$1" || {
    [ ! -f "$2" ] || sed -n 's/.*<Code>\([^<]*\)<.*<Message>\([^<]*\)<.*/\1: \2/p' "$2"
    return 1
  }
}

fetch() { # key, SHA-256, file
  insist get_object "$1" "$3"
  echo "$2  $3" | sha256sum --check --status || fail "$1 is not what its SHA-256 says: nothing of it was used"
}

# The group waits for it before it sends requests here, or ends this machine.
tell_group() { # CONTINUE or ABANDON
  instance=$(ask_metadata meta-data/instance-id) || return 1
  ask_aws autoscaling --header 'content-type: application/x-www-form-urlencoded' --output "$home/answer" \
    --data "Action=CompleteLifecycleAction&Version=2011-01-01&AutoScalingGroupName=$group" \
    --data "LifecycleHookName=$hook&InstanceId=$instance&LifecycleActionResult=$1" "$scaling/" || {
    [ ! -f "$home/answer" ] || cat "$home/answer"
    # It has heard an earlier time, whose answer was lost; or it waits no more, and ends this machine itself.
    grep -qs 'No active Lifecycle Action' "$home/answer"
  }
}

# --- what this machine is to be -------------------------------------------------------------------------------------

# Debian's images make one that may do everything. Who may log in, the role base says.
remove_default_user() {
  rm -f /etc/sudoers.d/90-cloud-init-users
  for user in admin debian; do
    ! getent passwd "$user" > /dev/null || userdel --force --remove "$user"
  done
}

open_package() {
  step "package $package"
  fetch "$package" "$digest" "$home/package.tar.gz"
  tar -xzmf "$home/package.tar.gz" -C "$incoming"
}

apply_roles() {
  for role in "$incoming"/roles/*; do
    step "role ${role##*/}"
    sh "$incoming/apply-role" "$role" < /dev/null
  done
}

place_archives() {
  while IFS=$tab read -r place content key sum; do
    step "$place"
    fetch "$key" "$sum" "$home/archive.tar.gz"
    sh "$incoming/place-archive" "$place" "$content" "$sum" < "$home/archive.tar.gz"
  done < "$incoming/objects"
}

start_release() {
  step "release"
  sh "$incoming/release/script" "$incoming/release" < /dev/null
}

enter_service() {
  step "readiness"
  /usr/local/lib/dukaan/rotation ready 120
  step "lifecycle action"
  insist tell_group CONTINUE
}

# --- the end ----------------------------------------------------------------------------------------------------------

# Whoever may read the console is not meant to read passwords that a program complains about.
masked() {
  [ -f "$incoming/masks" ] || : > "$incoming/masks"
  awk 'FILENAME == ARGV[1] { hidden[++count] = $0; next }
    {
      for (i = 1; i <= count; i++) {
        shown = ""
        while (at = index($0, hidden[i])) {
          shown = shown substr($0, 1, at - 1) "[secret]"
          $0 = substr($0, at + length(hidden[i]))
        }
        $0 = shown $0
      }
      print
    }' "$incoming/masks" -
}

give_up() {
  say "this machine is given up; it failed at: $at"
  tail -n 30 "$home/log" | masked | sed 's/^/dukaan:   /' >&3
  for _ in 1 2 3 4 5 6; do
    ! tell_group ABANDON || break
    sleep 5
  done
}

finish() {
  status=$?
  trap - EXIT
  set +e
  if [ "$status" -eq 0 ]; then say "in service"; else give_up; fi
  rm -rf "$incoming" "$home"/*.tar.gz
  # Whatever the group has heard: nothing that is half made goes on.
  [ "$status" -eq 0 ] || systemctl poweroff
  exit "$status"
}

install -d -m 0711 /var/lib/dukaan
install -d -m 0700 /var/lib/dukaan/incoming "$home"
incoming=$(mktemp -d /var/lib/dukaan/incoming/XXXXXXXX)
printf '%s\n' "$authority" > "$home/authority.pem"
# What the steps say is for whoever looks; the console gets the steps, and the last lines when one fails.
exec 3>&1 > "$home/log" 2>&1
trap finish EXIT

# Debian fetches its lists of packages when a machine boots, and would be in the way. The role base starts the timer again.
systemctl stop apt-daily.timer apt-daily.service
step "default user"
remove_default_user
step "curl"
command -v curl > /dev/null || insist install_curl
open_package
apply_roles
place_archives
start_release
enter_service
