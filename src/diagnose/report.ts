/** A certificate on a machine. */
export interface MachineCertificate {
  file: string;
  pem: string;
  /** Who has signed it: the ACME authority; one of the stack until that one does; one of the stack, for good. */
  by: "acme" | "stand-in" | "stack";
}

/** What a machine said of itself, by the collectors of ./collect. Numbers are as measured; nothing is judged yet. */
export interface MachineReport {
  /** Seconds since 1970 by the machine's own clock. */
  time: number;
  /** Names of collectors that failed or took too long. */
  failed: string[];
  cores: number;
  container: boolean;
  uptimeSeconds: number;
  /** Means of the last 1, 5 and 15 minutes. */
  load: [number, number, number];
  cpu: CpuUse;
  processes: ProcessUse[];
  /** Processes in uninterruptible sleep (they wait for the disk) at both looks. */
  waitingForDisk: number;
  memory: { totalKiB: number; availableKiB: number; swapTotalKiB: number; swapFreeKiB: number };
  /** Share of the last 10 s in which somebody waited for the disk, 0 to 1; absent in a container. */
  ioPressure?: number;
  oomKills: { group: string; count: number }[];
  disks: { path: string; totalKiB: number; freeKiB: number; inodes: number; inodesFree: number }[];
  web: { sockets: number; busiestPeer: string; busiestPeerSockets: number; halfOpen: number };
  /** How often nginx said that it had no connection left. */
  nginxFull: number;
  files: { used: number; limit: number };
  rebootRequired: boolean;
  pendingUpdates: { count: number; names: string };
  /** Every certificate that is shown or trusted there. */
  certificates: MachineCertificate[];
  units: UnitState[];
  failedUnits: string[];
  /** Absent: the app is not installed. "silent": it has a socket and does not answer. */
  app?: AppUse | "silent";
  nginx?: { active: number; requestsPerSecond: number } | "silent";
  postgresql?: PostgresqlUse;
  /** What PgBouncer said instead of an answer, or its pool of the shop. */
  pgbouncer?:
    | { error: string }
    | { clientsActive: number; clientsWaiting: number; longestWaitSeconds: number };
  /** Milliseconds; absent where PgBouncer is not, or did not answer. */
  databaseLatency?: {
    /** `select 1` through PgBouncer, as the app asks. */
    query: Latency;
    /** A TCP handshake with the database's machine: the network alone. Absent: the database is on this machine. */
    connect?: Latency;
  };
  requests: { count: number; errors: number; seconds: number; byStatus: string; p95Seconds: number };
  /** Kernel's lines about kills for want of memory. */
  oomLines: string[];
  /** systemd's lines about services that lost a process to SIGKILL. */
  killed: string[];
  errors: string[];
  appErrors: { count: number; message: string }[];
  slowQueries?: { count: number; slowestMillis: number; statement: string };
  /** pgBackRest's `info --output=json`; absent where it is not set up. */
  backupInfo?: string;
  /** The backups in the repository are another database's, so none are made of this one. */
  backupsPaused: boolean;
}

export interface Latency {
  p50: number;
  p99: number;
  /** How many were measured. */
  count: number;
}

export interface CpuUse {
  /** Of the processor time that the machine has, 0 to 1. */
  used: number;
  /** Time that the cloud's host gave to others. */
  steal: number;
  iowait: number;
  /** Time for which processes were ready and had no processor: 1 means that as many waited as could run. */
  waiting: number;
}

export interface ProcessUse {
  pid: number;
  name: string;
  /** systemd's name of the unit; empty for a kernel thread. */
  unit: string;
  /** Cores, e.g. 0.5. */
  cores: number;
  rssKiB: number;
}

export interface UnitState {
  name: string;
  active: string;
  sub: string;
  type: string;
  result: string;
  restarts: number;
}

export interface AppUse {
  requestsPerSecond: number;
  errorsPerSecond: number;
  p95Seconds: number;
  eventLoopLagSeconds: number;
  poolWaiting: number;
  /** Requests that the app refused to stay able to serve the others, by what was short. */
  refusedPerSecond: Record<string, number>;
}

export interface PostgresqlUse {
  /** What psql said instead of an answer. */
  error?: string;
  maxConnections: number;
  connections: number;
  active: number;
  idleInTransaction: number;
  blocked: BlockedQuery[];
  running: { pid: number; seconds: number; who: string; query: string }[];
  /** The statements that took the most time since they are counted. */
  statements: { calls: number; meanMillis: number; query: string }[];
  archiver?: { failing: boolean; failedCount: number; secondsSinceArchived?: number; lastFailed: string };
}

export interface BlockedQuery {
  pid: number;
  waitingSeconds: number;
  byPid: number;
  byState: string;
  byTransactionSeconds: number;
  byWho: string;
  byQuery: string;
}
