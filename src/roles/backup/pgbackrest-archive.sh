#!/bin/sh
# archive_command of PostgreSQL, as its user: sends one WAL file ($1) to the object storage.
#
# Nothing is sent before the repository is known to be this database's own (see prepare-backups): until then there is no
# backup that the WAL could belong to, and it is let go.
set -u
state=/var/lib/dukaan/backup
[ -e "$state/archiving" ] || exit 0

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
