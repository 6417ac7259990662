import type { Capacity } from "../settings/capacity.js";
import type { Assumptions } from "./assumptions.js";
import { type Question, type Target, estimate, targets } from "./estimate.js";
import type { Usage } from "./usage.js";

/** One input, moved alone between two values, all others left as they are. */
export interface Swing {
  input: string;
  low: { value: number; total: number };
  high: { value: number; total: number };
  /** How far the total moves. */
  span: number;
}

/** How an input is moved: half to double for amounts; a number added and taken away for shares, kept within 0 to 1. */
interface Input {
  name: string;
  get: (question: Question) => number;
  set: (question: Question, value: number) => Question;
  share?: number;
}

const ofUsage = (name: keyof Omit<Usage, "buyers">, share?: number): Input => ({
  name,
  get: ({ usage }) => usage[name],
  set: (question, value) => ({ ...question, usage: { ...question.usage, [name]: value } }),
  ...(share !== undefined && { share }),
});

const ofCapacity = (name: keyof Omit<Capacity, "memoryGiB">, share?: number): Input => ({
  name: `capacity.${name}`,
  get: ({ assumptions }) => assumptions.capacity[name],
  set: (question, value) =>
    withAssumptions(question, { capacity: { ...question.assumptions.capacity, [name]: value } }),
  ...(share !== undefined && { share }),
});

const ofAssumptions = (
  name: "zones" | "natGBPerMachine" | "newConnectionShare" | "rootDiskGB" | "setupMonths",
): Input => ({
  name,
  get: ({ assumptions }) => assumptions[name],
  set: (question, value) =>
    withAssumptions(question, { [name]: name === "zones" ? Math.max(1, Math.round(value)) : value }),
});

function withAssumptions(question: Question, changes: Partial<Assumptions>): Question {
  return { ...question, assumptions: { ...question.assumptions, ...changes } };
}

const inputs: readonly Input[] = [
  ofUsage("pageViews"),
  ofUsage("peakFactor"),
  ofUsage("requestsPerPage"),
  ofUsage("imagesPerPage"),
  ofUsage("pageKB"),
  ofUsage("imageKB"),
  ofUsage("ordersPerThousandPages"),
  ofUsage("searchesPerPage"),
  ofUsage("cacheHitRate", 0.1),
  ofUsage("edgeHitRate", 0.1),
  ofUsage("databaseGB"),
  ofUsage("imagesGB"),
  ofUsage("cacheGB"),
  ofUsage("indexGB"),
  ofUsage("logKB"),
  ofUsage("internalKB"),
  ofUsage("crossZoneShare", 0.3),
  ofUsage("interRegionShare", 0.3),
  ofUsage("backupCopies"),
  ofCapacity("appMs"),
  ofCapacity("databaseReadMs"),
  ofCapacity("utilisation", 0.2),
  ofCapacity("gbitPerMachine"),
  ofAssumptions("zones"),
  ofAssumptions("natGBPerMachine"),
  ofAssumptions("rootDiskGB"),
  ofAssumptions("setupMonths"),
  {
    name: "eurUsd",
    get: ({ pricing }) => pricing.eurUsd,
    set: (question, value) => ({ ...question, pricing: { ...question.pricing, eurUsd: value } }),
    // A year's swing of the rate, not half to double.
    share: 0.1,
  },
];

/**
 * Which inputs move the bill most: a tornado plot's rows, the widest first. Where a total is withheld it is the part
 * with a price that moves.
 */
export function tornado(question: Question): Swing[] {
  return inputs
    .map((input): Swing => {
      const value = input.get(question);
      const [from, to] = rangeOf(input, value);
      const at = (moved: number) => estimate(input.set(question, moved)).bill.priced;
      const low = { value: from, total: at(from) };
      const high = { value: to, total: at(to) };
      return { input: input.name, low, high, span: Math.abs(high.total - low.total) };
    })
    .toSorted((a, b) => b.span - a.span);
}

function rangeOf({ name, share }: Input, value: number): [number, number] {
  if (share === undefined) return [value / 2, value * 2];
  if (name === "eurUsd") return [value - share, value + share];
  return [Math.max(0, value - share), Math.min(1, value + share)];
}

/** A curve of one target: what a stage costs by something. */
export interface Curve {
  target: Target;
  points: { x: number; total: number; complete: boolean }[];
}

/**
 * What a stage costs by page views a month, people's time included: from a hundred thousand to a billion, even on a
 * logarithmic axis.
 */
export function costByTraffic(question: Omit<Question, "target">): Curve[] {
  const steps = Array.from({ length: 33 }, (_, step) => 10 ** (5 + step / 8));
  return targets.map((target) => ({
    target,
    points: steps.map((pageViews) => {
      const { bill, people } = estimate({ ...question, target, usage: { ...question.usage, pageViews } });
      return { x: pageViews, total: bill.priced + people, complete: bill.total !== undefined };
    }),
  }));
}

/** Where one curve comes to lie below the other, in straight lines between two points that have whole totals. */
export interface Crossing {
  cheaper: Target;
  than: Target;
  /** From here on. */
  from: number;
}

export function breakEvens(curves: readonly Curve[]): Crossing[] {
  return curves.flatMap((a) =>
    curves
      .filter((b) => b !== a)
      .flatMap((b) =>
        a.points.slice(1).flatMap((point, index): Crossing[] => {
          if (![a, b].every(({ points }) => points[index]!.complete && points[index + 1]!.complete))
            return [];
          const before = a.points[index]!.total - b.points[index]!.total;
          const after = point.total - b.points[index + 1]!.total;
          if (before < 0 || after >= 0) return [];
          const from = a.points[index]!.x;
          return [
            {
              cheaper: a.target,
              than: b.target,
              from: from + ((point.x - from) * before) / (before - after),
            },
          ];
        }),
      ),
  );
}

/** What the last stage costs with 9 to 100 regions, the same traffic spread over them; the map's regions repeat. */
export function costByRegions(question: Omit<Question, "target" | "stage">): Curve[] {
  const counts = [9, 16, 25, 36, 49, 64, 81, 100];
  return targets.map((target) => ({
    target,
    points: counts.map((regionCount) => {
      const { bill } = estimate({ ...question, stage: "anycast", target, regionCount });
      return { x: regionCount, total: bill.priced, complete: bill.total !== undefined };
    }),
  }));
}
