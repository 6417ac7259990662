import type { RequestKind } from "./visits.js";

/** One request as it went. */
export interface Sample {
  /** When it was meant to be sent, in milliseconds from the start. */
  at: number;
  kind: RequestKind;
  /**
   * From when it was meant to be sent until its answer or its failure. A request that had to wait because the server
   * (or a connection to it) was busy counts with its waiting: no coordinated omission.
   */
  ms: number;
  /** Undefined: answered as it should be. */
  error?: string;
}

export interface Latency {
  p50: number;
  p90: number;
  p99: number;
  p999: number;
  max: number;
}

export interface Second {
  second: number;
  requests: number;
  failed: number;
  p50: number;
  p99: number;
  max: number;
}

/** What came of a run. Times are milliseconds from the intended start of a request, rounded to 0.1. */
export interface Report {
  url: string;
  startedAt: string;
  seconds: number;
  /** Visits a second: asked for, and come. */
  rate: { wanted: number; arrived: number };
  requests: number;
  failed: number;
  /** Failed requests by what was wrong, e.g. `{ "status 502": 3, timeout: 1 }`. */
  errors: Record<string, number>;
  latency: Latency;
  byKind: Partial<Record<RequestKind, { requests: number; failed: number } & Latency>>;
  perSecond: Second[];
  /** Latency by share of requests: 0.5 is the median. */
  distribution: { share: number; ms: number }[];
  /** The longest time in which no request was answered well. */
  longestSilenceMs: number;
  orders: { placed: number; refused: number; unknown: number };
  /** The first failures, for a look into the server's journal. */
  firstFailures: { at: string; kind: RequestKind; error: string; ms: number }[];
  generator: {
    /** How late it sent requests, at worst: when this is not small, it and not the server is the limit. */
    latestMs: number;
    /** How long an order waited, at worst, until the journal had it; no request's time has it in it. */
    journalMs: number;
    /** Share of one core that this process used. */
    cpu: number;
    /** Requests sent again because the server closed an idle connection at that moment. */
    resent: number;
  };
}

/** The value below which a share of the sorted numbers lies (nearest rank). 0 for none. */
export function percentile(sorted: readonly number[], share: number): number {
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return sorted[rank - 1] ?? 0;
}

/** The parts of a report that follow from the samples alone. */
export function summarize(
  samples: readonly Sample[],
  startedAt: Date,
  seconds: number,
): Pick<
  Report,
  | "requests"
  | "failed"
  | "errors"
  | "latency"
  | "byKind"
  | "perSecond"
  | "distribution"
  | "longestSilenceMs"
  | "firstFailures"
> {
  const failures = samples.filter(({ error }) => error !== undefined);
  const errors: Record<string, number> = {};
  for (const { error = "" } of failures) errors[error] = (errors[error] ?? 0) + 1;
  const sorted = sortedMs(samples);
  const kinds = Map.groupBy(samples, ({ kind }) => kind);
  return {
    requests: samples.length,
    failed: failures.length,
    errors,
    latency: latency(sorted),
    byKind: Object.fromEntries(
      [...kinds].map(([kind, some]) => [kind, { ...count(some), ...latency(sortedMs(some)) }]),
    ),
    perSecond: bySecond(samples),
    distribution: shares.map((share) => ({ share, ms: round(percentile(sorted, share)) })),
    longestSilenceMs: round(longestSilence(samples, seconds * 1000)),
    firstFailures: failures
      .toSorted((a, b) => a.at - b.at)
      .slice(0, 20)
      .map(({ at, kind, error = "", ms }) => ({
        at: new Date(startedAt.getTime() + at).toISOString(),
        kind,
        error,
        ms: round(ms),
      })),
  };
}

const shares = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9995, 0.9999, 1];

function sortedMs(samples: readonly Sample[]): number[] {
  return samples.map(({ ms }) => ms).sort((a, b) => a - b);
}

function count(samples: readonly Sample[]): { requests: number; failed: number } {
  return { requests: samples.length, failed: samples.filter(({ error }) => error !== undefined).length };
}

function latency(sorted: readonly number[]): Latency {
  const at = (share: number) => round(percentile(sorted, share));
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1) };
}

function bySecond(samples: readonly Sample[]): Second[] {
  return [...Map.groupBy(samples, ({ at }) => Math.floor(at / 1000))]
    .sort(([a], [b]) => a - b)
    .map(([second, some]) => {
      const { p50, p99, max } = latency(sortedMs(some));
      const { requests, failed } = count(some);
      return { second, requests, failed, p50, p99, max };
    });
}

/** Between two good answers, or the start or end and one. */
function longestSilence(samples: readonly Sample[], end: number): number {
  const answers = samples
    .filter(({ error }) => error === undefined)
    .map(({ at, ms }) => Math.min(at + ms, end))
    .sort((a, b) => a - b);
  let longest = 0;
  let last = 0;
  for (const answer of [...answers, end]) {
    longest = Math.max(longest, answer - last);
    last = answer;
  }
  return longest;
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
