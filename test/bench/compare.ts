/** One side of a comparison: `run` does the work once and returns the seconds it took. */
export interface Contestant {
  name: string;
  run: () => Promise<number>;
}

export interface Comparison {
  a: { name: string; seconds: number[]; median: number };
  b: { name: string; seconds: number[]; median: number };
  /** Ratio a/b of each pair, so that a machine whose speed drifts does not favour a side. */
  ratios: number[];
  ratio: { min: number; median: number; max: number };
}

/**
 * Runs A and B in turn (A B A B …) after one uncounted round, and prints both and the ratio with its spread.
 * @param rounds counted pairs; at least 3, for a median that means something
 */
export async function compare(a: Contestant, b: Contestant, rounds = 5): Promise<Comparison> {
  if (!Number.isInteger(rounds) || rounds < 3)
    throw new RangeError(`rounds is ${rounds}; at least 3 are needed`);
  await a.run();
  await b.run();
  const seconds = { a: [] as number[], b: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    seconds.a.push(await a.run());
    seconds.b.push(await b.run());
  }
  const ratios = seconds.a.map((value, round) => value / seconds.b[round]!);
  const comparison = {
    a: { name: a.name, seconds: seconds.a, median: median(seconds.a) },
    b: { name: b.name, seconds: seconds.b, median: median(seconds.b) },
    ratios,
    ratio: { min: Math.min(...ratios), median: median(ratios), max: Math.max(...ratios) },
  };
  for (const side of [comparison.a, comparison.b]) {
    const spread = `${Math.min(...side.seconds).toFixed(2)} to ${Math.max(...side.seconds).toFixed(2)}`;
    process.stdout.write(`${side.name.padEnd(44)} median ${side.median.toFixed(2)} s (${spread})\n`);
  }
  const { min, max, median: middle } = comparison.ratio;
  process.stdout.write(
    `ratio, pair by pair                          median ${middle.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)}), ${rounds} pairs\n`,
  );
  return comparison;
}

/** Median of a non-empty list. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("the median of no values");
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Seconds that `work` takes. */
export async function time(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}
