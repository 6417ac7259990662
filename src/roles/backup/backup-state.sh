#!/bin/sh
# Says how the backups are, as one line of JSON:
#   state       "on"; "paused": the repository is another database's; "off": not prepared
#   gap         WAL was given up because the storage did not answer for too long; the next backup closes the gap
#   archiver    PostgreSQL's own figures: files sent and failed, when, and how many wait; null while it does not run
#   failed      units of backups that failed last time
#   repository  what pgBackRest says; null without --repository, which asks the object storage
set -u
state=/var/lib/dukaan/backup

as_postgres() { runuser -u postgres -- "$@"; }
exists() { if [ -e "$1" ]; then echo true; else echo false; fi; }

mode=off
[ ! -e "$state/paused" ] || mode=paused
[ ! -e "$state/archiving" ] || mode=on
archiver=$(as_postgres psql --no-psqlrc --quiet --tuples-only --no-align --dbname=postgres --command="
  select json_build_object(
    'sent', archived_count, 'lastSent', last_archived_time,
    'failed', failed_count, 'lastFailed', last_failed_time,
    'waiting', (select count(*) from pg_ls_archive_statusdir() where name like '%.ready'))
  from pg_stat_archiver" 2>/dev/null)
failed=$(systemctl list-units --plain --no-legend --state=failed 'dukaan-backup@*' | sed 's/^\([^ ]*\).*/"\1"/' | paste -sd , -)
repository=
if [ "${1:-}" = --repository ]; then
  repository=$(as_postgres pgbackrest --stanza=shop --io-timeout=15 info --output=json)
fi
printf '{"state":"%s","gap":%s,"archiver":%s,"failed":[%s],"repository":%s}\n' \
  "$mode" "$(exists "$state/gap")" "${archiver:-null}" "$failed" "${repository:-null}"
