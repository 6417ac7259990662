import { randomBytes } from "node:crypto";
import { sampleStore } from "../../apps/api/seed/catalogue.js";
import { seededRandom } from "../../apps/api/seed/random.js";
import { arrivals, type Distribution } from "./arrivals.js";
import { readStores } from "./catalogue.js";
import { HttpClient, NoAnswer } from "./http-client.js";
import { Journal } from "./journal.js";
import { weighted } from "./choice.js";
import { summarize, type Report, type Sample } from "./report.js";
import { visit, type Asker, type Town, type VisitKind } from "./visits.js";

export type Mix = Readonly<Record<VisitKind, number>>;

/** What visitors come for, in parts of a hundred. */
export const shopMix: Mix = { catalogue: 90, product: 6, cart: 3, order: 1 };

export interface LoadOptions {
  /** Origin of the shop, e.g. "https://203.0.113.10". */
  url: string;
  /** PEM of the authority that signed its certificate. */
  ca?: string;
  /** Visits a second. Some need several requests, so there are about 8 % more requests than visits. */
  rate: number;
  /** @default shopMix */
  mix?: Mix;
  /** @default "poisson" */
  distribution?: Distribution;
  /** Equal seeds bring the same visits at the same times. @default 1 */
  seed?: number;
  /** Stores to visit, the most popular first. @default the first 20 that `./dukaan seed` makes */
  stores?: readonly string[];
  /** File to write orders to; it must not exist. Without one nothing can be verified. */
  journal?: string;
  /** Until a request has failed, in milliseconds from when it was meant to be sent. @default 10000 */
  timeoutMs?: number;
  /** Connections at most. @default 64 */
  connections?: number;
}

export interface Load {
  /** From when the times of samples count. */
  startedAt: Date;
  /** Requests that have ended up to now, as they ended. */
  samples: readonly Sample[];
  /** Failed requests up to now. */
  failed(): number;
  /**
   * No more visits; waits for those that are there (at most the timeout, and an order's repetitions). Once; later it says the
   * same.
   * @throws Error when a visit could not be played, or the journal may lack something
   */
  stop(): Promise<Report>;
}

/**
 * Sends visitors to a shop until stopped. Their arrivals do not depend on its answers.
 * @throws Error when the shop has none of the stores
 */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const { url, ca, rate, mix = shopMix, distribution = "poisson", seed = 1 } = options;
  const { timeoutMs = 10_000, connections = 64 } = options;
  if (!(rate > 0 && rate <= 10_000))
    throw new RangeError(`rate is ${rate}; it must be above 0 and at most 10000`);
  const client = new HttpClient({ url, connections, ...(ca !== undefined && { ca }) });
  const slugs = options.stores ?? Array.from({ length: 20 }, (_, index) => sampleStore(index).slug);
  const stores = await readStores(client, slugs);
  const products = stores.flatMap((store) => store.products);
  const town: Town = {
    stores,
    random: seededRandom(seed),
    run: randomBytes(5).toString("hex"),
    journal: options.journal === undefined ? undefined : await Journal.open(options.journal),
    left: new Map(products.map(({ id, stock }) => [id, stock])),
    orders: { next: 1, placed: 0, refused: 0, unknown: 0 },
  };
  const startedAt = new Date();
  await town.journal?.add({ type: "start", run: town.run, url, at: startedAt.toISOString(), products });

  const samples: Sample[] = [];
  const visits = new Set<Promise<void>>();
  const cpuAtStart = process.cpuUsage();
  const start = performance.now();
  let arrived = 0;
  let latestMs = 0;
  let journalMs = 0;

  const begin = (at: number): void => {
    arrived++;
    latestMs = Math.max(latestMs, performance.now() - start - at);
    const playing = visit(weighted(town.random, mix), town, asker(at));
    visits.add(playing);
    // One that could not be played to its end stays, and stop() says why.
    playing.then(
      () => visits.delete(playing),
      () => undefined,
    );
  };
  const asker = (arrival: number): Asker => {
    let intended: number | undefined = arrival;
    const send: (...request: Parameters<Asker>) => ReturnType<Asker> = async (
      kind,
      ask,
      expected,
      unexpected,
    ) => {
      const at = intended ?? performance.now() - start;
      intended = undefined;
      const answer = await client
        .send(ask, timeoutMs - (performance.now() - start - at))
        .catch((error: unknown) => {
          if (error instanceof NoAnswer) return error;
          throw error;
        });
      const ms = performance.now() - start - at;
      const error =
        answer instanceof NoAnswer
          ? answer.kind
          : expected.includes(answer.status)
            ? unexpected?.(answer)
            : `status ${answer.status}`;
      samples.push({ at, kind, ms, ...(error !== undefined && { error }) });
      return answer instanceof NoAnswer || error !== undefined ? undefined : answer;
    };
    const aside: Asker["aside"] = async (work) => {
      const began = performance.now();
      await work();
      const took = performance.now() - began;
      if (intended !== undefined) intended += took;
      journalMs = Math.max(journalMs, took);
    };
    return Object.assign(send, { aside });
  };

  const times = arrivals(rate, distribution, seededRandom(seed + 1));
  let next = times.next().value;
  let timer: NodeJS.Timeout;
  const tick = (): void => {
    while (next <= performance.now() - start) {
      begin(next);
      next = times.next().value;
    }
    timer = setTimeout(tick, Math.max(0, next - (performance.now() - start)));
  };
  timer = setTimeout(tick, next);

  const end = async (): Promise<Report> => {
    clearTimeout(timer);
    const seconds = (performance.now() - start) / 1000;
    const { user, system } = process.cpuUsage(cpuAtStart);
    try {
      await Promise.all(visits);
    } finally {
      client.close();
      await town.journal?.close();
    }
    const { placed, refused, unknown } = town.orders;
    return {
      url,
      startedAt: startedAt.toISOString(),
      seconds: Math.round(seconds * 10) / 10,
      rate: { wanted: rate, arrived: Math.round((arrived / seconds) * 10) / 10 },
      ...summarize(samples, startedAt, seconds),
      orders: { placed, refused, unknown },
      generator: {
        latestMs: Math.round(latestMs * 10) / 10,
        journalMs: Math.round(journalMs * 10) / 10,
        cpu: Math.round(((user + system) / 1e6 / seconds) * 1000) / 1000,
        resent: client.resent,
      },
    };
  };
  let ended: Promise<Report> | undefined;

  return {
    startedAt,
    samples,
    failed: () => samples.filter(({ error }) => error !== undefined).length,
    stop: () => (ended ??= end()),
  };
}
