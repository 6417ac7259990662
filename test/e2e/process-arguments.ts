import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Notes the arguments of every process of this computer, those inside machines too, until told
 * to stop. What lives shorter than a look takes may be missed; over a whole `up` most programs are seen.
 */
export function watchArguments(): { stop: () => Promise<Set<string>> } {
  const seen = new Set<string>();
  const end = new AbortController();
  const look = async () => {
    while (!end.signal.aborted) {
      for (const process of await readdir("/proc")) {
        if (!/^\d+$/.test(process)) continue;
        seen.add(await readFile(`/proc/${process}/cmdline`, "utf8").catch(() => ""));
      }
      await sleep(50);
    }
  };
  const looking = look();
  return {
    stop: async () => {
      end.abort();
      await looking;
      return seen;
    },
  };
}
