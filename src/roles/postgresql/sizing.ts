import { connectionBudget } from "../../topology/connections.js";
import type { Machine } from "../../topology/topology.js";

/** Settings of a PostgreSQL server that follow from its machine's size. */
export interface DatabaseSizing {
  maxConnections: number;
  sharedBuffersMiB: number;
  effectiveCacheSizeMiB: number;
  workMemKiB: number;
  maintenanceWorkMemMiB: number;
  maxWalSizeMiB: number;
  parallelWorkers: number;
  parallelWorkersPerQuery: number;
  autovacuumWorkers: number;
}

/**
 * Sources: PostgreSQL 15 documentation, chapters 20.4 (memory, worker processes), 20.5 (WAL), 20.7 (planner), 20.10
 * (autovacuum) and 15.1 (when a parallel plan is worth it); each formula names its own.
 * @param dedicated the machine runs nothing else; else the database gets half of it
 */
export function databaseSizing(
  machine: Pick<Machine, "cores" | "memoryMiB" | "diskGB">,
  dedicated: boolean,
): DatabaseSizing {
  const { cores, diskGB } = machine;
  const memoryMiB = dedicated ? machine.memoryMiB : machine.memoryMiB / 2;
  // The pools, and room beside them for migrations, replication, backups and an operator.
  const maxConnections = connectionBudget(machine) + 15;
  return {
    maxConnections,
    // 20.4: "a reasonable starting value is 25 % of the memory".
    sharedBuffersMiB: clamp(memoryMiB / 4, 16, 16_384),
    // 20.7: what the database may count on being cached, its own buffers and the kernel's.
    effectiveCacheSizeMiB: clamp((memoryMiB * 3) / 4, 64, 1_000_000),
    // 20.4.1: every session may use it several times over: a quarter of the memory among all of them, and at least a sort of 1 MiB.
    workMemKiB: clamp((memoryMiB * 1024) / 4 / maxConnections, 1024, 262_144),
    // 20.4: larger is fine, since few such operations run at a time.
    maintenanceWorkMemMiB: clamp(memoryMiB / 16, 16, 1024),
    // 20.5: more makes checkpoints rarer and recovery longer; a twentieth of the disk.
    maxWalSizeMiB: clamp((diskGB * 1000) / 20, 256, 8192),
    // 20.4.6: workers beyond the processors only take them from one another.
    parallelWorkers: cores,
    // 15.1: helpers take processors from other sessions; one is better spent on the next page.
    parallelWorkersPerQuery: cores < 4 ? 0 : Math.floor(cores / 4),
    // 20.10: 3 by default; they share one allowance of I/O, so fewer processors are no slower with fewer.
    autovacuumWorkers: clamp(cores, 1, 3),
  };
}

function clamp(value: number, least: number, most: number): number {
  return Math.floor(Math.min(most, Math.max(least, value)));
}
