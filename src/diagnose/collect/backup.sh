# Whether there is a backup, and how old it is. Only where pgBackRest is set up.
if [ -e /etc/pgbackrest.conf ] || [ -e /etc/pgbackrest/pgbackrest.conf ]; then
  printf 'info\t%s\n' "$(runuser -u postgres -- timeout 3 pgbackrest info --output=json --log-level-console=off </dev/null 2>/dev/null | tr -d '\n')"
  # What the role `backup` has found out (see prepare-backups): the repository belongs to another database.
  [ ! -e /var/lib/dukaan/backup/paused ] || echo paused
fi
