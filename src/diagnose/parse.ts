import type {
  AppUse,
  CpuUse,
  Latency,
  MachineCertificate,
  MachineReport,
  PostgresqlUse,
  ProcessUse,
} from "./report.js";

/** Lines of one collector: their first word, then their fields. */
type Section = string[][];

/**
 * Reads what the script of ./script.ts printed. What a collector could not say is left at zero, empty or absent.
 * @throws Error when the output ends early: the machine did not get through
 */
export function parseReport(output: string): MachineReport {
  const sections = new Map<string, Section>();
  let current: Section = [];
  for (const line of output.split("\n")) {
    const name = /^@@ (\w+)$/.exec(line)?.[1];
    if (name !== undefined) sections.set(name, (current = []));
    else if (line !== "") current.push(line.split("\t"));
  }
  if (!sections.has("end")) throw new Error("its answer ended early");
  const section = (name: string) => sections.get(name) ?? [];
  const [before, after, system] = [section("before"), section("after"), section("system")];
  const [services, database, journal] = [section("services"), section("database"), section("journal")];
  const seconds = (number(before, "time") - number(after, "time")) / -1e9 || 1;
  const cores = number(system, "cores") || 1;
  const memory = (name: string) =>
    Number(all(system, "memory").find(([field]) => field === name)?.[1] ?? Number.NaN) || 0;
  const load = (first(system, "load")[0] ?? "").split(" ").map(Number);
  const web = first(system, "web_sockets");
  const files = (first(system, "files")[0] ?? "").split(/\s+/).map(Number);
  const ioPressure = all(system, "pressure_io").find(([kind]) => kind === "some")?.[1];
  const app = parseApp(before, after, seconds);
  const nginx = parseNginx(before, after, seconds);
  const slow = first(journal, "slow");
  const info = first(section("backup"), "info")[0];
  const postgresql = parsePostgresql(database);
  const pgbouncer = parsePgbouncer(database);
  const query = parseLatency(section("latency"), "query");
  const connect = parseLatency(section("latency"), "connect");
  return {
    time: number(before, "time") / 1e9,
    failed: [...sections].filter(([, lines]) => has(lines, "failed_collector")).map(([name]) => name),
    cores,
    container: has(system, "container"),
    uptimeSeconds: number(system, "uptime"),
    load: [load[0] ?? 0, load[1] ?? 0, load[2] ?? 0],
    cpu: parseCpu(before, after, seconds, cores),
    processes: parseProcesses(before, after, services, seconds, number(system, "page_size") || 4096),
    waitingForDisk: waitingForDisk(before, after),
    memory: {
      totalKiB: memory("MemTotal"),
      availableKiB: memory("MemAvailable"),
      swapTotalKiB: memory("SwapTotal"),
      swapFreeKiB: memory("SwapFree"),
    },
    ...(ioPressure === undefined ? {} : { ioPressure: Number(ioPressure) / 100 }),
    oomKills: all(system, "oom_kills").map(([group = "", count]) => ({ group, count: Number(count) })),
    disks: all(system, "disk").map(([path = "", ...sizes]) => {
      const [totalKiB = 0, freeKiB = 0, inodes = 0, inodesFree = 0] = sizes.map(Number);
      return { path, totalKiB, freeKiB, inodes, inodesFree };
    }),
    web: {
      sockets: Number(web[0] ?? 0),
      busiestPeerSockets: Number(web[1] ?? 0),
      busiestPeer: (web[2] ?? "").replace(/^\[?(?:::ffff:)?([^\]]*)\]?$/, "$1"),
      halfOpen: number(system, "half_open"),
    },
    nginxFull: number(journal, "nginx_full"),
    files: { used: files[0] ?? 0, limit: files[2] ?? 0 },
    rebootRequired: has(system, "reboot_required"),
    pendingUpdates: {
      count: number(section("updates"), "pending"),
      names: first(section("updates"), "pending")[1]?.trim() ?? "",
    },
    certificates: parseCertificates(system),
    units: all(services, "unit").map((fields) => {
      const of = Object.fromEntries(fields.map((field) => field.split(/=(.*)/s, 2) as [string, string]));
      const text = (name: string) => of[name] ?? "";
      return {
        name: text("Id"),
        active: text("ActiveState"),
        sub: text("SubState"),
        type: text("Type"),
        result: text("Result"),
        restarts: Number(text("NRestarts")) || 0,
      };
    }),
    failedUnits: all(services, "failed").map(([unit = ""]) => unit),
    ...(app === undefined ? {} : { app }),
    ...(nginx === undefined ? {} : { nginx }),
    ...(postgresql === undefined ? {} : { postgresql }),
    ...(pgbouncer === undefined ? {} : { pgbouncer }),
    ...(query && { databaseLatency: { query, ...(connect && { connect }) } }),
    requests: parseRequests(journal),
    oomLines: all(journal, "oom").map(([line = ""]) => line),
    killed: all(journal, "killed").map((fields) => fields.join(" ")),
    errors: all(journal, "error").map((fields) => fields.join(" ")),
    appErrors: all(journal, "app_error").map(([count, message = ""]) => ({ count: Number(count), message })),
    ...(slow.length === 0
      ? {}
      : {
          slowQueries: { count: Number(slow[0]), slowestMillis: Number(slow[1]), statement: slow[2] ?? "" },
        }),
    ...(info === undefined ? {} : { backupInfo: info }),
    backupsPaused: has(section("backup"), "paused"),
  };
}

/** A line that names the file, then those of its first certificate. */
function parseCertificates(section: Section): MachineCertificate[] {
  const found: MachineCertificate[] = [];
  for (const [word, text = "", file = ""] of section) {
    const last = found.at(-1);
    if (word === "certificate") {
      const by = text === "acme" || text === "stand-in" ? text : "stack";
      found.push({ file, pem: "", by });
    } else if (word === "certificate_line" && last) last.pem += `${text}\n`;
  }
  return found;
}

function all(section: Section, word: string): string[][] {
  return section.filter(([key]) => key === word).map(([, ...fields]) => fields);
}

function first(section: Section, word: string): string[] {
  return all(section, word)[0] ?? [];
}

function has(section: Section, word: string): boolean {
  return section.some(([key]) => key === word);
}

function number(section: Section, word: string): number {
  return Number(first(section, word)[0] ?? 0) || 0;
}

function parseCpu(before: Section, after: Section, seconds: number, cores: number): CpuUse {
  // A process that ended takes its count with it.
  const waiting = Math.max(0, number(after, "waited") - number(before, "waited")) / 1e9 / seconds / cores;
  const quota = (first(after, "quota")[0] ?? "").split(" ").map(Number);
  if (has(after, "used")) {
    const [limit = 0, period = 0] = quota;
    const mine = limit > 0 && period > 0 ? limit / period : cores;
    const used = (number(after, "used") - number(before, "used")) / 1e9 / seconds / mine;
    return { used: share(used), steal: 0, iowait: 0, waiting };
  }
  const fields = (section: Section) => (first(section, "cpu")[0] ?? "").trim().split(/\s+/).map(Number);
  const [old, now] = [fields(before), fields(after)];
  // proc(5): user nice system idle iowait irq softirq steal; guest time is in user already.
  const spent = now.slice(0, 8).map((ticks, index) => ticks - (old[index] ?? 0));
  const total = spent.reduce((sum, ticks) => sum + ticks, 0) || 1;
  const [, , , idle = 0, iowait = 0, , , steal = 0] = spent;
  return {
    used: share(1 - (idle + iowait + steal) / total),
    steal: share(steal / total),
    iowait: share(iowait / total),
    waiting,
  };
}

function share(value: number): number {
  return Math.min(1, Math.max(0, value));
}

function parseProcesses(
  before: Section,
  after: Section,
  services: Section,
  seconds: number,
  pageSize: number,
): ProcessUse[] {
  const units = new Map(all(services, "process_unit").map(([pid = "", unit = ""]) => [pid, unit]));
  const earlier = new Map(all(before, "process").map(([pid = "", , , ticks]) => [pid, Number(ticks)]));
  return all(after, "process").map(([pid = "", name = "", , ticks, pages]) => ({
    pid: Number(pid),
    name,
    unit: units.get(pid) ?? "",
    // USER_HZ is 100 on every architecture that Debian's kernel runs on.
    cores: (Number(ticks) - (earlier.get(pid) ?? Number(ticks))) / 100 / seconds,
    rssKiB: (Number(pages) * pageSize) / 1024,
  }));
}

function waitingForDisk(before: Section, after: Section): number {
  const waiting = (section: Section) =>
    all(section, "process").flatMap(([pid = "", , state]) => (state === "D" ? [pid] : []));
  const early = new Set(waiting(before));
  return waiting(after).filter((pid) => early.has(pid)).length;
}

function parseNginx(before: Section, after: Section, seconds: number): MachineReport["nginx"] {
  if (all(after, "silent").some(([who]) => who === "nginx")) return "silent";
  if (!has(after, "nginx_active")) return undefined;
  const requests = number(after, "nginx_requests") - number(before, "nginx_requests");
  return { active: number(after, "nginx_active"), requestsPerSecond: Math.max(0, requests) / seconds };
}

function parseApp(before: Section, after: Section, seconds: number): AppUse | "silent" | undefined {
  if (all(after, "silent").some(([who]) => who === "app")) return "silent";
  if (!has(after, "metric")) return undefined;
  const values = (section: Section) =>
    new Map(all(section, "metric").map(([name = "", value]) => [name, Number(value)]));
  const [old, now] = [values(before), values(after)];
  let requests = 0;
  let errors = 0;
  const buckets = new Map<number, number>();
  const refusedPerSecond: Record<string, number> = {};
  for (const [name, value] of now) {
    const since = value - (old.get(name) ?? 0);
    if (since <= 0) continue;
    if (name.startsWith("http_request_duration_seconds_count")) {
      requests += since;
      if (/status="5/.test(name)) errors += since;
    }
    const shortage = /^http_requests_refused_total\{shortage="([\w-]+)"/.exec(name)?.[1];
    if (shortage !== undefined) refusedPerSecond[shortage] = since / seconds;
    const bound = /^http_request_duration_seconds_bucket.*\ble="([^"]+)"/.exec(name)?.[1];
    if (bound !== undefined) {
      const most = bound === "+Inf" ? Infinity : Number(bound);
      buckets.set(most, (buckets.get(most) ?? 0) + since);
    }
  }
  const below = [...buckets].sort(([a], [b]) => a - b);
  return {
    requestsPerSecond: requests / seconds,
    errorsPerSecond: errors / seconds,
    p95Seconds: below.find(([, count]) => count >= requests * 0.95)?.[0] ?? 0,
    eventLoopLagSeconds: now.get("nodejs_eventloop_lag_p99_seconds") ?? 0,
    refusedPerSecond,
    poolWaiting: now.get('db_pool_connections{state="waiting"}') ?? 0,
  };
}

function parsePostgresql(database: Section): PostgresqlUse | undefined {
  if (!has(database, "postgresql")) return undefined;
  const connections = first(database, "connections").map(Number);
  const error = database
    .map((fields) => fields.join(" "))
    .find((line) => /^psql: error|^(FATAL|ERROR):/.test(line));
  const archiver = first(database, "archiver");
  return {
    ...(connections.length === 0 ? { error: error ?? "it gave no answer" } : {}),
    maxConnections: number(database, "max_connections"),
    connections: connections[0] ?? 0,
    active: connections[1] ?? 0,
    idleInTransaction: connections[2] ?? 0,
    blocked: all(database, "blocked").map(
      ([pid, waiting, byPid, byState = "", byTime, byWho = "", byQuery = ""]) => ({
        pid: Number(pid),
        waitingSeconds: Number(waiting),
        byPid: Number(byPid),
        byState,
        byTransactionSeconds: Number(byTime),
        byWho,
        byQuery,
      }),
    ),
    running: all(database, "running").map(([pid, seconds, who = "", query = ""]) => ({
      pid: Number(pid),
      seconds: Number(seconds),
      who,
      query,
    })),
    statements: all(database, "statement").map(([calls, mean, , query = ""]) => ({
      calls: Number(calls),
      meanMillis: Number(mean),
      query,
    })),
    ...(archiver.length === 0
      ? {}
      : {
          archiver: {
            failedCount: Number(archiver[0]),
            failing: archiver[1] === "t",
            ...(archiver[2] ? { secondsSinceArchived: Number(archiver[2]) } : {}),
            lastFailed: archiver[3] ?? "",
          },
        }),
  };
}

function parsePgbouncer(database: Section): MachineReport["pgbouncer"] {
  if (!has(database, "pgbouncer")) return undefined;
  const rows = all(database, "pool");
  const header = rows.find(([name]) => name === "database");
  if (!header) return { error: rows[0]?.join(" ") ?? "it gave no answer" };
  const sum = (column: string, combine: (a: number, b: number) => number) =>
    rows
      .filter(([name]) => name === "shop")
      .map((row) => Number(row[header.indexOf(column)] ?? 0))
      .reduce(combine, 0);
  const plus = (a: number, b: number) => a + b;
  return {
    clientsActive: sum("cl_active", plus),
    clientsWaiting: sum("cl_waiting", plus),
    longestWaitSeconds: sum("maxwait", Math.max),
  };
}

function parseLatency(latency: Section, what: string): Latency | undefined {
  const [p50, p99, count] = first(latency, what).map(Number);
  return p50 === undefined || p99 === undefined || count === undefined ? undefined : { p50, p99, count };
}

function parseRequests(journal: Section): MachineReport["requests"] {
  const [count = 0, errors = 0, seconds = 0] = first(journal, "requests").map(Number);
  const slower = all(journal, "seconds")
    .map(([bound, many]) => [Number(bound), Number(many)] as const)
    .sort(([a], [b]) => a - b);
  let seen = 0;
  const p95 = slower.find(([, many]) => (seen += many) >= count * 0.95)?.[0] ?? 0;
  const byStatus = all(journal, "status").map(([status, many]) => `${many} × ${status}`);
  return { count, errors, seconds, byStatus: byStatus.join(", "), p95Seconds: p95 };
}
