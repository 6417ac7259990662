#!/bin/sh
# archive_command of PostgreSQL, as its user: sends one WAL file ($1) to the object storage.
#
# What the repository is not for is let go: it belongs to another database, or this one is empty until it becomes a copy
# (see prepare-backups, become-standby). Before that is known, as on a server that was made anew around its volume, WAL is
# not given up: pgBackRest refuses that of another database than the repository's, and PostgreSQL tries again.
set -u
state=/var/lib/dukaan/backup
[ ! -e "$state/paused" ] || exit 0

said=$(pgbackrest --stanza=shop archive-push "$1" 2>&1)
status=$?
[ -z "$said" ] || echo "$said" >&2
case $said in
*"because archive queue exceeded"*) : >"$state/gap" ;;
*)
  # The storage answers again: a backup from here on closes the gap.
  if [ "$status" -eq 0 ] && [ -e "$state/gap" ]; then mv "$state/gap" "$state/wanted"; fi
  ;;
esac
exit "$status"
