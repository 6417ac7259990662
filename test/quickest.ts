import { atBest } from "./at-best.js";

/**
 * How long something takes, in milliseconds, at best.
 * @param enough once it took less than that, it is not done again
 */
export async function quickest(enough: number, work: () => Promise<unknown>): Promise<number> {
  const measured = async () => {
    const start = performance.now();
    await work();
    return performance.now() - start;
  };
  return atBest(measured, (milliseconds) => milliseconds < enough);
}
