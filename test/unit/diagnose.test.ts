import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { codes, inOrder } from "../../src/diagnose/finding.js";
import { groupGone } from "../../src/diagnose/judge-group.js";
import { judge, unreachable } from "../../src/diagnose/judge.js";
import type { MachineReport } from "../../src/diagnose/report.js";
import { projectRoot } from "../../src/project.js";

const now = 1_800_000_000;

/** What a machine at rest says. */
const calm: MachineReport = {
  time: now,
  failed: [],
  backupsPaused: false,
  cores: 1,
  container: false,
  uptimeSeconds: 86_400,
  load: [0.1, 0.1, 0.1],
  cpu: { used: 0.1, steal: 0, iowait: 0, waiting: 0.01 },
  processes: [{ pid: 7, name: "postgres", unit: "postgresql@15-main.service", cores: 0.05, rssKiB: 20_000 }],
  waitingForDisk: 0,
  memory: { totalKiB: 524_288, availableKiB: 400_000, swapTotalKiB: 0, swapFreeKiB: 0 },
  oomKills: [],
  disks: [{ path: "/", totalKiB: 10_000_000, freeKiB: 9_000_000, inodes: 600_000, inodesFree: 590_000 }],
  web: { sockets: 3, busiestPeer: "198.51.100.7", busiestPeerSockets: 2, halfOpen: 0 },
  nginxFull: 0,
  certificates: [],
  files: { used: 900, limit: 100_000 },
  rebootRequired: false,
  pendingUpdates: { count: 0, names: "" },
  units: [
    unit("nginx.service"),
    unit("dukaan-api@abc.service"),
    unit("pgbouncer.service"),
    unit("postgresql@15-main.service"),
  ],
  failedUnits: [],
  app: {
    requestsPerSecond: 5,
    errorsPerSecond: 0,
    p95Seconds: 0.025,
    eventLoopLagSeconds: 0.012,
    poolWaiting: 0,
    refusedPerSecond: {},
  },
  nginx: { active: 3, requestsPerSecond: 5 },
  postgresql: {
    maxConnections: 30,
    connections: 3,
    active: 0,
    idleInTransaction: 0,
    blocked: [],
    running: [],
    statements: [],
  },
  pgbouncer: { clientsActive: 1, clientsWaiting: 0, longestWaitSeconds: 0 },
  requests: { count: 300, errors: 0, seconds: 60, byStatus: "", p95Seconds: 0.02 },
  oomLines: [],
  killed: [],
  errors: [],
  appErrors: [],
};

function latency(p50: number) {
  return { p50, p99: p50 * 2, count: 50 };
}

function unit(name: string, active = "active", restarts = 0) {
  return { name, active, sub: "running", type: "simple", result: "success", restarts };
}

function found(change: Partial<MachineReport>, clockOffsetSeconds = 0) {
  return judge({ ...calm, ...change }, { machine: "app-1", clockOffsetSeconds, now });
}

const codesOf = (change: Partial<MachineReport>) =>
  found(change).map(({ code, severity }) => `${severity} ${code}`);
const postgresql = calm.postgresql!;

describe("what is judged", () => {
  it("has nothing against a machine at rest", () => {
    expect(found({})).toEqual([]);
  });

  it.each<[string, Partial<MachineReport>, string[]]>([
    ["a full disk", { disks: [{ ...calm.disks[0]!, freeKiB: 100_000 }] }, ["critical disk-full"]],
    ["a disk that fills", { disks: [{ ...calm.disks[0]!, freeKiB: 1_000_000 }] }, ["warning disk-full"]],
    ["no inodes", { disks: [{ ...calm.disks[0]!, inodesFree: 10 }] }, ["critical disk-full"]],
    ["a disk without fixed inodes", { disks: [{ ...calm.disks[0]!, inodes: 0, inodesFree: 0 }] }, []],
    ["no memory", { memory: { ...calm.memory, availableKiB: 20_000 } }, ["critical memory-low"]],
    ["little memory", { memory: { ...calm.memory, availableKiB: 60_000 } }, ["warning memory-low"]],
    [
      "kills in the kernel's log",
      { oomLines: ["Out of memory: Killed process 7 (node)"] },
      ["critical out-of-memory"],
    ],
    [
      "kills long ago",
      { oomKills: [{ group: "nginx.service", count: 2 }] },
      ["warning out-of-memory-earlier"],
    ],
    [
      "a stolen processor",
      { cpu: { used: 0.5, steal: 0.4, iowait: 0, waiting: 0.5 } },
      ["critical cpu-stolen", "critical cpu-saturated"],
    ],
    [
      "the shop at its limit",
      { cpu: { used: 0.97, steal: 0, iowait: 0, waiting: 3 } },
      ["critical cpu-saturated"],
    ],
    [
      "a share of a busy host",
      { cpu: { used: 0.4, steal: 0, iowait: 0, waiting: 0.9 } },
      ["critical cpu-saturated"],
    ],
    ["idle on a busy host", { cpu: { used: 0.05, steal: 0, iowait: 0, waiting: 0.9 } }, []],
    ["a slow disk", { cpu: { used: 0.2, steal: 0, iowait: 0.6, waiting: 0 } }, ["critical disk-slow"]],
    ["disk pressure", { ioPressure: 0.5 }, ["warning disk-slow"]],
    ["many connections", { web: { ...calm.web, sockets: 700 } }, ["warning connection-flood"]],
    ["half-open connections", { web: { ...calm.web, halfOpen: 600 } }, ["warning connection-flood"]],
    ["restarts", { units: [unit("nginx.service", "active", 4)] }, ["warning service-restarting"]],
    ["a failed timer", { failedUnits: ["apt-daily.service"] }, ["warning unit-failed"]],
    [
      "used-up connections",
      { postgresql: { ...postgresql, connections: 28 } },
      ["critical connections-exhausted"],
    ],
    [
      "too many clients",
      { postgresql: { ...postgresql, error: "FATAL:  sorry, too many clients already" } },
      ["critical connections-exhausted"],
    ],
    [
      "a silent PostgreSQL",
      { postgresql: { ...postgresql, error: "psql: error: timeout" } },
      ["critical database-refuses"],
    ],
    [
      "a failing archive",
      { postgresql: { ...postgresql, archiver: { failing: true, failedCount: 4, lastFailed: "0001" } } },
      ["critical archiving-fails"],
    ],
    [
      "a failure of the archive that is over",
      { postgresql: { ...postgresql, archiver: { failing: false, failedCount: 4, lastFailed: "0001" } } },
      [],
    ],
    ["a silent PgBouncer", { pgbouncer: { error: "connection refused" } }, ["critical database-refuses"]],
    [
      "waiting clients",
      { pgbouncer: { clientsActive: 8, clientsWaiting: 20, longestWaitSeconds: 4 } },
      ["critical pool-waiting"],
    ],
    ["a silent app", { app: "silent" }, ["critical event-loop-blocked"]],
    [
      "an app that sheds load",
      {
        app: { ...(calm.app as object), refusedPerSecond: { database: 40 } } as MachineReport["app"] & object,
      },
      ["critical requests-refused"],
    ],
    [
      "a late event loop",
      { app: { ...(calm.app as object), eventLoopLagSeconds: 0.4 } as MachineReport["app"] & object },
      ["warning event-loop-blocked"],
    ],
    [
      "failing requests",
      { requests: { ...calm.requests, errors: 60, byStatus: "60 × 502" } },
      ["critical requests-failing"],
    ],
    [
      "a few failing requests",
      { requests: { ...calm.requests, errors: 5, byStatus: "5 × 500" } },
      ["warning requests-failing"],
    ],
    [
      "a database behind a long way",
      { databaseLatency: { query: latency(9.4), connect: latency(8.8) } },
      ["warning database-distant"],
    ],
    ["a database nearby", { databaseLatency: { query: latency(0.6), connect: latency(0.3) } }, []],
    ["slow requests", { requests: { ...calm.requests, p95Seconds: 1.28 } }, ["warning requests-slow"]],
    ["open files", { files: { used: 95_000, limit: 100_000 } }, ["critical files-exhausted"]],
    [
      "upkeep",
      { rebootRequired: true, pendingUpdates: { count: 2, names: "openssl" } },
      ["notice reboot-required", "notice updates-pending"],
    ],
    ["what could not be seen", { failed: ["database", "updates"] }, ["warning not-looked-at"]],
    [
      "no backup",
      { backupInfo: '[{"name":"shop","status":{"code":2,"message":"no valid backups"},"backup":[]}]' },
      ["critical backup-missing"],
    ],
    ["an old backup", { backupInfo: backupOf(60) }, ["critical backup-missing"]],
    ["a fresh backup", { backupInfo: backupOf(3) }, []],
    [
      "a fresh backup of another database",
      { backupInfo: backupOf(3), backupsPaused: true },
      ["critical backup-paused"],
    ],
  ])("%s", (_what, change, expected) => {
    expect(codesOf(change)).toEqual(expected);
  });

  it("whether the way to the database is long or the database slow", () => {
    const words = (connect: number) =>
      found({ databaseLatency: { query: latency(9.4), connect: latency(connect) } })[0]?.what;
    expect(words(8.8)).toContain("far away");
    expect(words(0.2)).toContain("however small");
  });

  it("a clock that differs, in either direction", () => {
    expect(found({}, 8).map(({ code, severity }) => [code, severity])).toEqual([["clock-wrong", "warning"]]);
    expect(found({}, -90).map(({ code, severity }) => [code, severity])).toEqual([
      ["clock-wrong", "critical"],
    ]);
  });

  it("tells a stranger at the processor from the shop", () => {
    const cpu = { used: 1, steal: 0, iowait: 0, waiting: 1 };
    const miner = { pid: 66, name: "xmrig", unit: "session-3.scope", cores: 0.9, rssKiB: 1000 };
    const [finding] = found({ cpu, processes: [...calm.processes, miner] });
    expect(finding).toMatchObject({ code: "cpu-hog", severity: "critical" });
    expect(finding!.remedy[0]).toContain("kill 66");
  });

  it("finds who holds up all others, through a chain", () => {
    const wait = {
      waitingSeconds: 5,
      byState: "active",
      byTransactionSeconds: 9,
      byWho: "psql",
      byQuery: "lock",
    };
    const blocked = [
      { ...wait, pid: 12, byPid: 11, waitingSeconds: 8 },
      { ...wait, pid: 11, byPid: 10, byState: "idle in transaction" },
    ];
    const [finding] = found({ postgresql: { ...postgresql, blocked } });
    expect(finding!.evidence[1]).toContain("process 10 (psql, idle in transaction)");
    expect(finding!.remedy[0]).toContain("pg_terminate_backend(10)");
  });

  it("names the stopped database before the app that died of it, in one finding", () => {
    const units = [unit("dukaan-api@abc.service", "failed"), unit("postgresql@15-main.service", "inactive")];
    const findings = found({ units, requests: { ...calm.requests, errors: 200, byStatus: "200 × 503" } });
    expect(findings.map(({ code }) => code)).toEqual(["service-down", "requests-failing"]);
    expect(findings[0]!.what).toMatch(/^postgresql@15-main\.service, dukaan-api@abc\.service /);
  });
});

function backupOf(hours: number): string {
  const stop = now - hours * 3600;
  return JSON.stringify([
    { name: "shop", status: { code: 0, message: "ok" }, backup: [{ timestamp: { stop }, type: "full" }] },
  ]);
}

describe("the order", () => {
  it("severity first, then causes before symptoms, then machines", () => {
    const findings = inOrder([
      ...found({ rebootRequired: true, app: "silent", disks: [{ ...calm.disks[0]!, freeKiB: 0 }] }),
      unreachable("app-2", "root@203.0.113.11", "no route to host"),
      unreachable("app-0", "root@203.0.113.9", "no route to host"),
    ]);
    expect(findings.map(({ code, machine }) => `${code} ${machine}`)).toEqual([
      "unreachable app-0",
      "unreachable app-2",
      "disk-full app-1",
      "event-loop-blocked app-1",
      "reboot-required app-1",
    ]);
  });

  it("a database that lets nobody in before the group of machines that it empties", () => {
    const refuses = found({ pgbouncer: { error: "connection refused" } });
    const empty = groupGone("shop", "app-group", "dukaan-shop-app-group", "eu-west-2");
    expect(inOrder([empty, ...refuses]).map(({ code }) => code)).toEqual(["database-refuses", "group-empty"]);
  });

  it("has a section of the runbook for every code", () => {
    const runbook = readFileSync(join(projectRoot, "docs/runbooks/droplet.md"), "utf8");
    const sections = [...runbook.matchAll(/^### (\S+)$/gm)].map(([, name]) => name);
    expect(new Set(sections)).toEqual(new Set(codes));
    expect(sections).toHaveLength(codes.length);
  });
});
