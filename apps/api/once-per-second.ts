/**
 * Counts what happens and tells of it at most once a second, with the latest instance: what goes wrong under load goes
 * wrong a thousand times, and a line for each would make it worse.
 */
export function oncePerSecond<T>(tell: (times: number, latest: T) => void): (latest: T) => void {
  let times = 0;
  let toldAt = Number.NEGATIVE_INFINITY;
  return (latest) => {
    times++;
    if (performance.now() - toldAt < 1000) return;
    tell(times, latest);
    times = 0;
    toldAt = performance.now();
  };
}
