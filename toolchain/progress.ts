/** Called with what is going on, for people: complete sentences or phrases, without a line end. */
export type Report = (message: string) => void;

/**
 * Repeats what a long step is doing, with the time it has taken so far, until `work` ends.
 * @param detail read at each repetition: how far it is
 */
export async function withElapsedTime<Result>(
  title: string,
  report: Report,
  work: () => Promise<Result>,
  detail: () => string = () => "",
): Promise<Result> {
  report(title);
  const start = performance.now();
  const timer = setInterval(() => report(`${title}: ${elapsed(start)}${detail()}`), 10_000);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

/** The time since `start` (of `performance.now()`) as minutes and seconds, e.g. `2:05`. */
function elapsed(start: number): string {
  const seconds = Math.round((performance.now() - start) / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
