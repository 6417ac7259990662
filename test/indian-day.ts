import { setTimeout as sleep } from "node:timers/promises";

/** India is five and a half hours ahead of UTC, all the year. */
const AHEAD = 5.5 * 3_600_000;
const DAY = 24 * 3_600_000;

/** Resolves once the Indian day, by which shops count their orders, lasts for so many seconds more. */
export async function dayLasts(seconds: number): Promise<void> {
  const left = DAY - ((Date.now() + AHEAD) % DAY);
  // A second more: timers can be early.
  if (left < seconds * 1000) await sleep(left + 1000);
}
