import type { DatabaseSizing } from "../postgresql/sizing.js";

/** A setting of PostgreSQL as RDS takes it. */
export interface Parameter {
  name: string;
  value: string;
  /** Whether it counts at once, or from the next start on. */
  applyMethod: "immediate" | "pending-reboot";
}

/**
 * What ../postgresql/postgresql.conf says, as far as RDS lets one set it, and in its units: pages of 8 kB for buffers, kB
 * for other memory, MB for WAL, ms for times of statements, s for checkpoints. RDS decides on addresses, files, archiving,
 * WAL's level and kept size, huge pages and the log's shape.
 * Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Parameters.html and
 * PostgreSQL 15's pg_settings (units; context "postmaster" waits for a start).
 */
export function rdsParameters(sizing: DatabaseSizing): Parameter[] {
  const atStart = {
    max_connections: sizing.maxConnections,
    shared_buffers: pages(sizing.sharedBuffersMiB),
    max_worker_processes: 8,
    autovacuum_max_workers: sizing.autovacuumWorkers,
    "pg_stat_statements.max": 1000,
  };
  const atOnce = {
    // Nobody comes in without TLS, or with a password that is not kept as SCRAM's verifier.
    "rds.force_ssl": 1,
    "rds.accepted_password_auth_method": "scram",
    password_encryption: "scram-sha-256",
    idle_in_transaction_session_timeout: 60_000,
    effective_cache_size: pages(sizing.effectiveCacheSizeMiB),
    work_mem: sizing.workMemKiB,
    maintenance_work_mem: sizing.maintenanceWorkMemMiB * 1024,
    max_parallel_workers: sizing.parallelWorkers,
    max_parallel_workers_per_gather: sizing.parallelWorkersPerQuery,
    max_parallel_maintenance_workers: sizing.parallelWorkersPerQuery,
    jit: 0,
    max_wal_size: sizing.maxWalSizeMiB,
    checkpoint_timeout: 15 * 60,
    random_page_cost: 1.1,
    effective_io_concurrency: 200,
    "pg_stat_statements.track_utility": 0,
    track_io_timing: 1,
    log_min_duration_statement: 250,
    log_parameter_max_length: 0,
    log_error_verbosity: "terse",
    log_lock_waits: 1,
    log_temp_files: 10 * 1024,
    log_checkpoints: 0,
  };
  return [...listed(atStart, "pending-reboot"), ...listed(atOnce, "immediate")];
}

function listed(values: Record<string, string | number>, applyMethod: Parameter["applyMethod"]): Parameter[] {
  return Object.entries(values).map(([name, value]) => ({ name, value: String(value), applyMethod }));
}

/** PostgreSQL's own size of a page, 8 kB. */
function pages(mebibytes: number): number {
  return mebibytes * 128;
}
