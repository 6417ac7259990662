/** Starts to count seconds, to the millisecond, whatever is done to the computer's clock meanwhile. */
export function stopwatch(): () => number {
  const started = performance.now();
  return () => Math.round(performance.now() - started) / 1000;
}
