import type { FastifyBaseLogger } from "fastify";
import type { LoadBalancerState, MachineUsage } from "../machines/host.js";
import type { Cloud } from "./cloud.js";
import { invalidInput } from "./errors.js";
import { loadBalancers } from "./load-balancer-rows.js";
import type { ServerRow } from "./server-rows.js";

/** How often what runs is looked at, in milliseconds, and how many looks are kept: six hours. */
export const SAMPLE_MS = 15_000;
const keptSamples = 1440;
/** An answer has at most so many points a series, as at Hetzner. */
const mostPoints = 500;

interface Sample {
  /** Seconds since 1970. */
  at: number;
  values: Readonly<Record<string, number>>;
}

/** How a series of the API comes from what was counted: how fast the counter grows, or the value as it is. */
type Series = { rateOf: string; times?: number } | { value: string };

/** Series by the `type` that asks for them: https://docs.hetzner.cloud/reference/cloud, "Get Metrics for a Server". */
export const serverSeries: Record<string, Record<string, Series>> = {
  // Percent of one core.
  cpu: { cpu: { rateOf: "cpuSeconds", times: 100 } },
  disk: {
    "disk.0.iops.read": { rateOf: "diskReads" },
    "disk.0.iops.write": { rateOf: "diskWrites" },
    "disk.0.bandwidth.read": { rateOf: "diskBytesRead" },
    "disk.0.bandwidth.write": { rateOf: "diskBytesWritten" },
  },
  network: {
    "network.0.pps.in": { rateOf: "packetsIn" },
    "network.0.pps.out": { rateOf: "packetsOut" },
    "network.0.bandwidth.in": { rateOf: "bytesIn" },
    "network.0.bandwidth.out": { rateOf: "bytesOut" },
  },
};

export const balancerSeries: Record<string, Record<string, Series>> = {
  open_connections: { open_connections: { value: "openConnections" } },
  connections_per_second: { connections_per_second: { rateOf: "connections" } },
  requests_per_second: { requests_per_second: { rateOf: "requests" } },
  bandwidth: { "bandwidth.in": { rateOf: "bytesIn" }, "bandwidth.out": { rateOf: "bytesOut" } },
};

/** What was counted lately, by the id of what it is about. In memory: a restart of the cloud begins anew. */
export class Samples {
  readonly #of = new Map<number, Sample[]>();

  /** @param at seconds since 1970 */
  add(at: number, all: ReadonlyMap<number, Readonly<Record<string, number>>>): void {
    for (const [id, values] of all) {
      const samples = this.#of.get(id) ?? [];
      samples.push({ at, values });
      if (samples.length > keptSamples) samples.shift();
      this.#of.set(id, samples);
    }
    const oldest = at - (keptSamples * SAMPLE_MS) / 1000;
    for (const [id, samples] of this.#of) if ((samples.at(-1)?.at ?? 0) < oldest) this.#of.delete(id);
  }

  /** The points of a series; none for the time in which nothing was counted or counting began anew. */
  points(id: number, series: Series, { start, end, step }: TimeSpan): [number, string][] {
    const samples = this.#of.get(id) ?? [];
    const points: [number, string][] = [];
    let next = 0;
    let before: Sample | undefined;
    for (let at = start; at <= end; at += step) {
      let last: Sample | undefined;
      for (let sample = samples[next]; sample && sample.at <= at; sample = samples[++next]) last = sample;
      const value = last && valueOf(series, before, last);
      if (value !== undefined) points.push([at, String(value)]);
      before = last ?? before;
    }
    return points;
  }
}

function valueOf(series: Series, before: Sample | undefined, last: Sample): number | undefined {
  if ("value" in series) return last.values[series.value] ?? 0;
  if (!before) return undefined;
  const grown = (last.values[series.rateOf] ?? 0) - (before.values[series.rateOf] ?? 0);
  return grown < 0 ? undefined : (grown / (last.at - before.at)) * (series.times ?? 1);
}

/** In seconds since 1970, and seconds. */
interface TimeSpan {
  start: number;
  end: number;
  step: number;
}

/** @throws ApiError invalid_input that names `start`, `end` or `step` */
export function readTimeSpan(query: { start: string; end: string; step?: number | undefined }): TimeSpan {
  const seconds = (field: "start" | "end"): number => {
    const at = /^\d{4}-\d\d-\d\dT/.test(query[field]) ? Date.parse(query[field]) / 1000 : Number.NaN;
    if (!Number.isNaN(at)) return at;
    throw invalidInput({ [field]: ["must be a time like 2026-01-31T13:00:00Z"] });
  };
  const [start, end] = [seconds("start"), seconds("end")];
  if (start >= end) throw invalidInput({ end: ["must be after start"] });
  const least = Math.ceil((end - start) / mostPoints);
  return { start, end, step: Math.max(query.step ?? SAMPLE_MS / 1000, least) };
}

/** The answer: series by name. @param types which of `all` are wanted; separated by commas, or several */
export function metricsAnswer(
  samples: Samples,
  id: number,
  all: Record<string, Record<string, Series>>,
  types: string[],
  span: TimeSpan,
) {
  const wanted = types.flatMap((type) => type.split(","));
  const unknown = wanted.filter((type) => !Object.hasOwn(all, type));
  if (unknown.length > 0) {
    throw invalidInput({ type: [`must be one or more of ${Object.keys(all).join(", ")}`] });
  }
  const series = wanted.flatMap((type) => Object.entries(all[type] ?? {}));
  const time = (seconds: number): string => new Date(seconds * 1000).toISOString();
  return {
    metrics: {
      start: time(span.start),
      end: time(span.end),
      step: span.step,
      time_series: Object.fromEntries(
        series.map(([name, one]) => [name, { values: samples.points(id, one, span) }]),
      ),
    },
  };
}

/** Counts what runs, until `stop` is called. */
export function startSampling(
  { state, host, samples }: Cloud,
  log: FastifyBaseLogger,
  everyMs = SAMPLE_MS,
): { stop(): void } {
  const look = async (): Promise<void> => {
    const running = state.all<ServerRow>("SELECT * FROM servers WHERE status = 'running'");
    const usage = await host.usage(running.map(({ id }) => String(id)));
    const counted = new Map(usage.map(({ id, ...values }: MachineUsage) => [Number(id), values]));
    const balancers = new Map<number, Record<string, number>>();
    for (const { id } of loadBalancers(state)) {
      const now = await host.loadBalancers.state(String(id)).catch(() => undefined);
      if (now) balancers.set(id, countersOf(now));
    }
    samples.add(Date.now() / 1000, new Map<number, Record<string, number>>([...counted, ...balancers]));
  };
  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    look()
      .catch((error: unknown) => log.error({ err: error }, "what runs could not be measured"))
      .finally(() => (looking = false));
  }, everyMs);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

function countersOf(now: LoadBalancerState): Record<string, number> {
  const { openConnections, connections, requests, bytesIn, bytesOut } = now;
  return { openConnections, connections, requests, bytesIn, bytesOut };
}
