import type { Sample } from "../load/report.js";
import type { Verdict } from "../load/verify.js";
import { type Loss, mayStay } from "./losses.js";

/** What a loss may cost. */
export const goals = {
  /** Until no balancer sends requests to the server any more, in milliseconds. */
  outMs: 1000,
  /** Failed requests, also later ones, as a share of those of the first second. */
  failedShare: 0.005,
} as const;

/** What a balancer thought of a server at a moment. */
export interface Look {
  balancer: string;
  /** Unix time in milliseconds, by this computer's clock. */
  at: number;
  servers: Record<string, ServerState>;
}

export interface ServerState {
  /** HAProxy's word, e.g. "UP", "UP 1/2", "DOWN", "NOLB". */
  status: string;
  /** Part of the requests that it gets, from 1; less than its own while it starts slowly. */
  weight: number;
  /** Requests that it was sent so far. */
  requests: number;
}

/** What was seen while a server was lost and came back. Moments are Unix time in milliseconds. */
export interface Observed {
  loss: Loss;
  server: string;
  /** From when the times of samples count. */
  startedAt: number;
  samples: readonly Sample[];
  /** In the order of time. */
  looks: readonly Look[];
  brokenAt: number;
  mendedAt: number;
  endedAt: number;
  /** Requests by what the app servers' nginx have logged. */
  logged: LoggedRequests;
  orders: Verdict;
}

/** Requests that reached app servers; a request that is sent again keeps its id. */
export interface LoggedRequests {
  /** Requests that may change something. */
  writes: number;
  /** How many of them reached more than one server, or one twice. There must be none. */
  writesRepeated: number;
  reads: number;
  readsRepeated: number;
}

/** What a loss has cost. */
export interface LossResult {
  loss: Loss;
  server: string;
  /** Until it was out of rotation; undefined: it stayed in. */
  outMs?: number;
  /** From when it was mended until it was in rotation again. */
  backMs?: number;
  /** How often balancers tried it again while it was broken. */
  returns: number;
  /** Requests that were to be sent in the first second. */
  firstSecond: number;
  /** Failed requests from the loss to the end, with those that were under way when it came. */
  failed: number;
  /** Those of them that were meant to be sent after it was back. */
  failedAfterReturn: number;
  /** The longest that a request took which did not fail. */
  slowestMs: number;
  logged: LoggedRequests;
  orders: Verdict["orders"];
  /** What was not as it should be; empty: the goals were met. */
  missed: string[];
}

/** Holds what was seen against the goals. */
export function judgeLoss(observed: Observed): LossResult {
  const { loss, server, startedAt, samples, brokenAt, mendedAt, endedAt, logged, orders } = observed;
  const changes = rotationChanges(observed.looks, server);
  const whileBroken = changes.filter(({ at }) => at >= brokenAt && at < mendedAt);
  const outAt = whileBroken.find((change) => !change.inRotation)?.at;
  const out = outAt !== undefined;
  const backAt = out ? lastReturn(changes, mendedAt) : undefined;

  const from = brokenAt - startedAt;
  const until = endedAt - startedAt;
  const concerned = samples.filter(({ at, ms }) => at + ms > from && at < until);
  const firstSecond = samples.filter(({ at }) => at >= from && at < from + 1000);
  const failed = concerned.filter(({ error }) => error !== undefined);
  const result: Omit<LossResult, "missed"> = {
    loss,
    server,
    ...(out && { outMs: Math.round(outAt - brokenAt) }),
    ...(backAt !== undefined && { backMs: Math.max(0, Math.round(backAt - mendedAt)) }),
    returns: whileBroken.filter(({ at, inRotation }) => inRotation && out && at > outAt).length,
    firstSecond: firstSecond.length,
    failed: failed.length,
    failedAfterReturn: failed.filter(({ at }) => backAt !== undefined && at >= backAt - startedAt).length,
    slowestMs: Math.round(
      concerned.reduce((most, { ms, error }) => (error === undefined ? Math.max(most, ms) : most), 0),
    ),
    logged,
    orders: orders.orders,
  };
  return { ...result, missed: missedGoals(result, orders) };
}

function missedGoals(result: Omit<LossResult, "missed">, { findings }: Verdict): string[] {
  const { loss, outMs, backMs, firstSecond, failed, logged } = result;
  const allowed = Math.floor(firstSecond * goals.failedShare);
  const needsOut = outMs !== undefined || !mayStay(loss);
  return [
    ...(outMs === undefined && needsOut ? ["it stayed in rotation"] : []),
    ...((outMs ?? 0) > goals.outMs ? [`out of rotation after ${outMs} ms instead of ${goals.outMs}`] : []),
    ...(backMs === undefined && outMs !== undefined ? ["it did not come back"] : []),
    ...(failed > allowed
      ? [`${failed} requests failed; of ${firstSecond} in the first second ${allowed} may`]
      : []),
    ...(result.failedAfterReturn > 0
      ? [`${result.failedAfterReturn} requests failed after it was back: it was not ready`]
      : []),
    ...(logged.writesRepeated > 0
      ? [`${logged.writesRepeated} writes were sent to more than one server`]
      : []),
    ...findings.map(({ kind, message }) => `${kind}: ${message}`),
  ];
}

interface Change {
  at: number;
  inRotation: boolean;
}

/**
 * When a server went out of rotation and came back. It is out when no balancer sends requests to it any more.
 * @returns the first one says how it was at the first look
 */
export function rotationChanges(looks: readonly Look[], server: string): Change[] {
  const changes: Change[] = [];
  const latest = new Map<string, boolean>();
  for (const { balancer, at, servers } of looks) {
    latest.set(balancer, isInRotation(servers[server]));
    const inRotation = [...latest.values()].some(Boolean);
    if (changes.at(-1)?.inRotation !== inRotation) changes.push({ at, inRotation });
  }
  return changes;
}

/** "UP 1/2" is still in, "DOWN 1/2" still out. */
export function isInRotation(state: ServerState | undefined): boolean {
  return state?.status.startsWith("UP") ?? false;
}

/** When it came back to stay; the moment itself when it was in already. */
function lastReturn(changes: readonly Change[], mendedAt: number): number | undefined {
  const last = changes.at(-1);
  return last?.inRotation ? Math.max(last.at, mendedAt) : undefined;
}

/** Lines "METHOD id" of the app servers' journals. */
export function countLogged(lines: readonly string[]): LoggedRequests {
  const counted: LoggedRequests = { writes: 0, writesRepeated: 0, reads: 0, readsRepeated: 0 };
  for (const [line, times] of Map.groupBy(lines, (text) => text)) {
    const read = /^(GET|HEAD|OPTIONS) /.test(line);
    counted[read ? "reads" : "writes"]++;
    if (times.length > 1) counted[read ? "readsRepeated" : "writesRepeated"]++;
  }
  return counted;
}
