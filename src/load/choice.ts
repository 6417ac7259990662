import type { Random } from "../../apps/api/seed/random.js";

/** One of the values, each with its weight. @throws RangeError when there is none */
export function weighted<Value extends string>(
  random: Random,
  weights: Readonly<Record<Value, number>>,
): Value {
  const entries = Object.entries(weights) as [Value, number][];
  const sum = entries.reduce((total, [, weight]) => total + weight, 0);
  let rest = random() * sum;
  for (const [value, weight] of entries) {
    rest -= weight;
    if (rest < 0) return value;
  }
  throw new RangeError(`nothing to choose from: ${JSON.stringify(weights)}`);
}

/** One of the values, the first ones more often than the last: a few shops have most of the visitors. */
export function popular<Value>(random: Random, values: readonly Value[]): Value {
  const value = values[Math.floor(random() ** 2 * values.length)];
  if (value === undefined) throw new RangeError("nothing to choose from");
  return value;
}
