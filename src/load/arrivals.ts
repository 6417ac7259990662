import type { Random } from "../../apps/api/seed/random.js";

/** How visitors arrive: independently of each other, as people do, or in even steps. */
export type Distribution = "poisson" | "even";

/**
 * When visitors arrive, in milliseconds from the start, without an end. Open loop: an arrival does not wait for the
 * answer to the one before it, so a server that stalls gets what it would get from people.
 * @param rate arrivals a second
 */
export function* arrivals(
  rate: number,
  distribution: Distribution,
  random: Random,
): Generator<number, never> {
  const mean = 1000 / rate;
  let at = 0;
  for (;;) {
    at += distribution === "even" ? mean : -Math.log(1 - random()) * mean;
    yield at;
  }
}
