import type { Machine, Topology } from "./topology.js";

/**
 * How the connections of a database are shared out. Each app server has a pool of its own (PgBouncer), and together they
 * may never want more than the database has, however many app servers there are.
 */

/** An app server's part below which one slow query would hold up half of its visitors. */
const leastPerServer = 2;
/** Enough for a slow query or two not to stop a shop; more, where the database has the processors for it. */
const wanted = 5;

/** Of a group's machines there are so many in a hundred at most while they are replaced: new ones serve before old ones go. */
export const percentWhileReplaced = 125;

type Database = Pick<Machine, "cores" | "memoryMiB">;

/**
 * Connections that all pools may have together. It follows from the database's machine alone: another number would need
 * a restart of PostgreSQL, and app servers come and go while the shop is open. A backend takes 5 to 10 MiB of its own
 * beside the shared buffers, so all of them stay within half of the memory.
 */
export function connectionBudget({ cores, memoryMiB }: Database): number {
  return Math.max(atWork(cores), Math.min(200, Math.floor(memoryMiB / 20)));
}

/** Connections that the pool of one app server keeps. @param appServers how many share the database */
export function poolSize(database: Database, appServers: number): number {
  const share = (connections: number) => Math.floor(connections / appServers);
  return Math.max(Math.min(wanted, share(connectionBudget(database))), share(atWork(database.cores)));
}

/** How many app servers there are at a time at most. */
export function appServersAtMost({ groups = [] }: Pick<Topology, "groups">, named: number): number {
  return groups.reduce((sum, { most }) => sum + Math.ceil((most * percentWhileReplaced) / 100), named);
}

/** How many app servers a database is enough for. */
export function mostAppServersOf(database: Database): number {
  return Math.floor(connectionBudget(database) / leastPerServer);
}

/** How many queries a database answers fastest at a time: the PostgreSQL wiki, "Number Of Database Connections". */
function atWork(cores: number): number {
  return Math.max(wanted, 2 * cores + 1);
}
