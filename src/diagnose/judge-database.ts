import { type Circumstances, type Found, percent } from "./finding.js";
import type { MachineReport, PostgresqlUse } from "./report.js";

/** PostgreSQL, its pool and its backups. */
export function judgeDatabase(report: MachineReport, { now }: Circumstances): Found[] {
  const { postgresql } = report;
  return [
    ...(postgresql === undefined ? [] : [...answers(postgresql, report), ...locks(postgresql)]),
    ...(postgresql === undefined ? [] : [...connections(postgresql), ...long(postgresql)]),
    ...pool(report),
    ...distance(report),
    ...slow(report),
    ...(postgresql === undefined ? [] : archiving(postgresql)),
    ...backup(report, now),
  ];
}

function answers({ error }: PostgresqlUse, { units }: MachineReport): Found[] {
  const stopped = units.some(({ name, active }) => name.startsWith("postgresql") && active !== "active");
  // A stopped one is told as a stopped service.
  if (error === undefined || stopped) return [];
  const full = /too many clients|remaining connection slots/.test(error);
  return [
    {
      severity: "critical",
      code: full ? "connections-exhausted" : "database-refuses",
      what: full ? "PostgreSQL has no connection left." : "PostgreSQL runs and does not answer.",
      evidence: [error],
      remedy: [
        "`./dukaan ssh -- journalctl --identifier postgresql --lines 30` says why: recovery after a crash (wait), a full disk, too many connections.",
        "Only then: `./dukaan ssh -- systemctl restart postgresql@15-main`.",
      ],
    },
  ];
}

function locks({ blocked }: PostgresqlUse): Found[] {
  const worst = blocked.toSorted((a, b) => b.waitingSeconds - a.waitingSeconds)[0];
  if (worst === undefined || worst.waitingSeconds < 1) return [];
  // Who is waited for and waits for nobody holds all of them up.
  const waiting = new Set(blocked.map(({ pid }) => pid));
  const root = blocked.find(({ byPid }) => !waiting.has(byPid)) ?? worst;
  return [
    {
      severity: "critical",
      code: "database-blocked",
      what: "Queries wait for a lock that another session holds.",
      evidence: [
        `${waiting.size} waiting, the longest for ${worst.waitingSeconds} s`,
        `held by process ${root.byPid} (${root.byWho}, ${root.byState}) in a transaction of ${root.byTransactionSeconds} s: ${root.byQuery}`,
      ],
      remedy: [
        `End that session; its transaction is undone, nothing else is lost: \`./dukaan ssh -- runuser -u postgres -- psql -c "'select pg_terminate_backend(${root.byPid})'"\`.`,
        "A migration or a person at psql is the usual cause; find out which before it is tried again.",
      ],
    },
  ];
}

function connections({
  connections: used,
  maxConnections,
  idleInTransaction,
  active,
}: PostgresqlUse): Found[] {
  if (maxConnections === 0 || used < maxConnections * 0.85) return [];
  return [
    {
      severity: used >= maxConnections - 3 ? "critical" : "warning",
      code: "connections-exhausted",
      what: "PostgreSQL has nearly as many connections as it may.",
      evidence: [
        `${used} of ${maxConnections} (${percent(used / maxConnections)}): ${active} active, ${idleInTransaction} idle in a transaction`,
      ],
      remedy: [
        "The app comes through PgBouncer and cannot use them up: see who else does with `./dukaan ssh -- runuser -u postgres -- psql -c \"'select usename, application_name, state, count(*) from pg_stat_activity group by 1, 2, 3'\"`.",
        "End the idle ones with pg_terminate_backend.",
      ],
    },
  ];
}

function long({ running }: PostgresqlUse): Found[] {
  const worst = running.toSorted((a, b) => b.seconds - a.seconds)[0];
  if (worst === undefined) return [];
  return [
    {
      severity: worst.seconds > 60 ? "warning" : "notice",
      code: "long-query",
      what: "A query has run for a long time.",
      evidence: running.map(
        ({ pid, seconds, who, query }) => `process ${pid} (${who}), ${seconds} s: ${query}`,
      ),
      remedy: [
        `If nobody needs it: \`./dukaan ssh -- runuser -u postgres -- psql -c "'select pg_cancel_backend(${worst.pid})'"\`.`,
      ],
    },
  ];
}

function pool({ pgbouncer, units }: MachineReport): Found[] {
  if (pgbouncer === undefined) return [];
  if ("error" in pgbouncer) {
    const stopped = units.some(({ name, active }) => name.startsWith("pgbouncer") && active !== "active");
    if (stopped) return [];
    return [
      {
        severity: "critical",
        code: "database-refuses",
        what: "PgBouncer runs and does not answer.",
        evidence: [pgbouncer.error],
        remedy: [
          "`./dukaan ssh -- journalctl --unit pgbouncer --lines 30`, then restart it: `./dukaan ssh -- systemctl restart pgbouncer`.",
        ],
      },
    ];
  }
  const { clientsWaiting, longestWaitSeconds, clientsActive } = pgbouncer;
  if (clientsWaiting === 0 || longestWaitSeconds < 1) return [];
  return [
    {
      severity: "critical",
      code: "pool-waiting",
      what: "Requests wait for a database connection.",
      evidence: [
        `${clientsWaiting} clients wait, ${clientsActive} are served; the longest has waited ${longestWaitSeconds} s`,
      ],
      remedy: [
        "It is a consequence: of locks, of slow queries, of a processor or disk without reserve. Cure what stands above this.",
        "If nothing does: `./dukaan ssh -- journalctl --identifier postgresql --grep duration --lines 20` shows the slow queries.",
      ],
    },
  ];
}

/**
 * Milliseconds that one question may take, of those that do nothing. A page asks at most three, one after the other, and
 * has 200 ms at its 99th percentile: above this the way alone takes a twentieth of that.
 */
const distantMillis = 200 / 20 / 3;

function distance({ databaseLatency }: MachineReport): Found[] {
  if (databaseLatency === undefined || databaseLatency.query.p50 < distantMillis) return [];
  const { query, connect } = databaseLatency;
  const far = connect !== undefined && connect.p50 >= query.p50 / 2;
  return [
    {
      severity: "warning",
      code: "database-distant",
      what: far
        ? "The database is far away: each question waits for the network."
        : "Each question to the database waits, however small it is.",
      evidence: [
        `\`select 1\` through PgBouncer: median ${query.p50} ms, 99th percentile ${query.p99} ms, of ${query.count}`,
        ...(connect
          ? [`a TCP handshake with its machine: median ${connect.p50} ms, 99th percentile ${connect.p99} ms`]
          : []),
      ],
      remedy: [
        far
          ? "App and database belong into one location: compare them in `./dukaan outputs`. In one location it is the cloud's network: if it does not pass within the hour, tell its support."
          : "A processor without reserve is the usual cause, here or on the database's machine: cure what stands above this, there too.",
      ],
    },
  ];
}

function slow({ slowQueries, postgresql }: MachineReport): Found[] {
  if (slowQueries === undefined || slowQueries.count < 20) return [];
  return [
    {
      severity: "warning",
      code: "slow-queries",
      what: "Many queries are slow.",
      evidence: [
        `${slowQueries.count} took more than 250 ms, the slowest ${slowQueries.slowestMillis} ms: ${slowQueries.statement}`,
        ...(postgresql?.statements ?? []).map(
          ({ calls, meanMillis, query }) => `${meanMillis} ms on average over ${calls} calls: ${query}`,
        ),
      ],
      remedy: [
        "With a processor at its limit all of them are slow: cure that first.",
        "Else look at the plan of the one with the largest mean (`explain (analyze, buffers)`); an index is missing or statistics are old (`analyze`).",
      ],
    },
  ];
}

function archiving({ archiver }: PostgresqlUse): Found[] {
  if (!archiver?.failing) return [];
  return [
    {
      severity: "critical",
      code: "archiving-fails",
      what: "The write-ahead log does not get to the backup: what is written now could not be restored.",
      evidence: [
        `${archiver.failedCount} failures, the last with ${archiver.lastFailed}`,
        archiver.secondsSinceArchived === undefined
          ? "nothing was archived yet"
          : `the last success was ${archiver.secondsSinceArchived} s ago`,
      ],
      remedy: [
        "`./dukaan ssh -- journalctl --identifier postgresql --grep archive --lines 20` says why: the object storage, its keys, its certificate.",
        "The log is kept on the disk until it is archived: watch the disk.",
      ],
    },
  ];
}

const paused: Found = {
  severity: "critical",
  code: "backup-paused",
  what: "This database is not backed up: the backups in the repository are of another one.",
  evidence: ["its system identifier is not the repository's, as after a machine was lost and made anew"],
  remedy: [
    "To bring that database back: `./dukaan restore --latest`.",
    "To keep this one: set dukaan:backup.path to another folder and run `./dukaan up`; the old backups stay where they are.",
  ],
};

interface BackupInfo {
  name: string;
  status: { code: number; message: string };
  backup: { timestamp: { stop: number }; type: string }[];
}

function backup({ backupInfo, backupsPaused, uptimeSeconds }: MachineReport, now: number): Found[] {
  if (backupInfo === undefined) return [];
  if (backupsPaused) return [paused];
  let stanzas: BackupInfo[];
  try {
    stanzas = JSON.parse(backupInfo) as BackupInfo[];
  } catch {
    stanzas = [];
  }
  const remedy = [
    "`./dukaan backup` makes one now and says what hinders it.",
    "`./dukaan ssh -- journalctl --grep pgbackrest --lines 30`.",
  ];
  const last = Math.max(...stanzas.flatMap(({ backup: all }) => all.map(({ timestamp }) => timestamp.stop)));
  if (!Number.isFinite(last)) {
    const status = stanzas.map(({ name, status: { message } }) => `${name}: ${message}`).join("; ");
    return [
      {
        // The first one may still be under way.
        severity: uptimeSeconds < 1800 ? "notice" : "critical",
        code: "backup-missing",
        what: "There is no backup.",
        evidence: [status || "pgBackRest could not say"],
        remedy,
      },
    ];
  }
  const hours = (now - last) / 3600;
  if (hours < 26) return [];
  return [
    {
      severity: hours > 50 ? "critical" : "warning",
      code: "backup-missing",
      what: "The last backup is old.",
      evidence: [`${hours.toFixed(0)} hours`],
      remedy,
    },
  ];
}
