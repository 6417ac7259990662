import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { type LoadOptions, startLoad } from "../../src/load/load.js";
import type { Report } from "../../src/load/report.js";
import { verify } from "../../src/load/verify.js";

/** Visits whose orders are noted. */
type NotedLoad = LoadOptions & { journal: string };
/** Asks the shop's database. */
type Database = (sql: string) => Promise<string>;

/**
 * Does something while the shop is visited; fails when a request did, or when an order is not as it should be.
 * @param database asked once the load has ended
 */
export async function faultless(
  load: NotedLoad,
  database: Database,
  work: () => Promise<unknown>,
): Promise<Report> {
  const report = await visited(load, work);
  assert.deepEqual(report.errors, {}, JSON.stringify(report.firstFailures));
  assert.equal(report.failed, 0);
  await requireAllOrders(load.journal, report, database);
  return report;
}

/** The same for what may cost requests: fails only when an order is not as it should be. */
export async function orderly(
  load: NotedLoad,
  database: Database,
  work: () => Promise<unknown>,
): Promise<Report> {
  const report = await visited(load, work);
  await requireAllOrders(load.journal, report, database);
  return report;
}

async function visited(load: LoadOptions, work: () => Promise<unknown>): Promise<Report> {
  const running = await startLoad(load);
  try {
    await sleep(1000);
    await work();
  } catch (error) {
    await running.stop();
    throw error;
  }
  return await running.stop();
}

/** Every order that was acknowledged is there once, and nothing else is. */
export async function requireAllOrders(journal: string, report: Report, database: Database): Promise<void> {
  const { findings, orders } = await verify(journal, database);
  assert.deepEqual(findings, []);
  assert.equal(orders.placed, report.orders.placed);
}
