import { setTimeout as sleep } from "node:timers/promises";

/** Pauses before the second and the third attempt, in milliseconds: what keeps a computer busy lasts for a while. */
const PAUSES = [1_000, 5_000];

/**
 * Does something up to three times, until it is good: for what a busy computer can only make worse. What is bad every time is
 * bad by itself. What must never be wrong is checked within each attempt.
 * @param attempt gets its number, from 1
 * @returns the last result
 */
export async function atBest<Result>(
  attempt: (number: number) => Promise<Result>,
  isGood: (result: Result) => boolean,
): Promise<Result> {
  for (let number = 1; ; number++) {
    const result = await attempt(number);
    const pause = PAUSES[number - 1];
    if (pause === undefined || isGood(result)) return result;
    await sleep(pause);
  }
}
