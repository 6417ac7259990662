import { type FileHandle, mkdtemp, open, readFile, rm, truncate } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test, vi } from "vitest";
import { arrivals } from "../../src/load/arrivals.js";
import { reportPage } from "../../src/load/html.js";
import { type Entry, Journal, readJournal } from "../../src/load/journal.js";
import { startLoad, type LoadOptions } from "../../src/load/load.js";
import { seededRandom } from "../../apps/api/seed/random.js";
import { weighted } from "../../src/load/choice.js";
import { percentile } from "../../src/load/report.js";

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

/** As much of a shop as visitors to its catalogue see. */
async function startServer(onPage: RequestListener): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    if (request.url === "/api/v1/stores/one/products")
      return response.end(`{"products":[{"id":1,"pricePaise":100,"stock":5}]}`);
    return onPage(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  cleanUps.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

const browsing: Pick<LoadOptions, "mix" | "stores" | "distribution"> = {
  mix: { catalogue: 100, product: 0, cart: 0, order: 0 },
  stores: ["one"],
  distribution: "even",
};

describe("arrivals", () => {
  test("are the same for the same seed, and as many as asked for on average", () => {
    const times = (seed: number) => {
      const stream = arrivals(50, "poisson", seededRandom(seed));
      return Array.from({ length: 5000 }, () => stream.next().value);
    };
    expect(times(7)).toEqual(times(7));
    expect(times(7)).not.toEqual(times(8));
    expect(times(7).at(-1)! / 5000).toBeGreaterThan(19);
    expect(times(7).at(-1)! / 5000).toBeLessThan(21);
  });

  test("mix what visitors come for by its weights", () => {
    const random = seededRandom(3);
    const drawn = Array.from({ length: 10_000 }, () => weighted(random, { often: 97, seldom: 3, never: 0 }));
    const seldom = drawn.filter((kind) => kind === "seldom").length;
    expect(seldom).toBeGreaterThan(230);
    expect(seldom).toBeLessThan(370);
    expect(drawn).not.toContain("never");
  });
});

describe("load", () => {
  // A busy computer makes visitors wait for longer, but not every time.
  test(
    "sees a stalled server as its visitors do: everybody who came meanwhile waited",
    { retry: 2 },
    async () => {
      let stalledUntil = 0;
      const { url } = await startServer((_, response) => {
        setTimeout(() => response.end("page"), Math.max(0, stalledUntil - performance.now()));
      });
      // Two connections: a closed loop would have noticed two slow requests and nothing else.
      const load = await startLoad({ url, rate: 100, connections: 2, ...browsing });
      await sleep(1000);
      stalledUntil = performance.now() + 1000;
      await sleep(2000);
      const report = await load.stop();

      expect(report.failed).toBe(0);
      expect(report.rate.arrived).toBeGreaterThan(95);
      expect(report.requests).toBeGreaterThan(280);
      expect(report.latency.p50).toBeLessThan(300);
      expect(report.latency.p90).toBeGreaterThan(500);
      expect(report.latency.max).toBeGreaterThan(900);
      expect(report.longestSilenceMs).toBeGreaterThan(900);
      expect(report.longestSilenceMs).toBeLessThan(1400);
    },
  );

  test("counts errors by kind: wrong statuses, no answer in time, connections cut and refused", async () => {
    let number = 0;
    const { url, server } = await startServer((request, response) => {
      // The first request only looks at the store.
      const mood = number++ % 4;
      if (mood === 1) response.writeHead(502).end();
      else if (mood === 2) request.socket.destroy();
      else if (mood === 0) response.end("page");
    });
    const load = await startLoad({ url, rate: 40, timeoutMs: 300, ...browsing });
    await sleep(1000);
    server.closeAllConnections();
    server.close();
    await sleep(300);
    expect(load.failed()).toBeGreaterThan(20);
    const report = await load.stop();
    expect(Object.keys(report.errors).toSorted()).toEqual([
      "connection closed",
      "connection refused",
      "status 502",
      "timeout",
    ]);
    expect(report.failed).toBe(Object.values(report.errors).reduce((sum, times) => sum + times));
    expect(report.perSecond.reduce((sum, { failed }) => sum + failed, 0)).toBe(report.failed);
    expect(report.firstFailures[0]).toMatchObject({ kind: "catalogue" });
    const { max } = report.latency;
    expect(max).toBeGreaterThan(280);
  });

  test("sends a request again that met a connection just closed, as browsers do", async () => {
    const used = new WeakSet<object>();
    const { url } = await startServer((request, response) => {
      if (used.has(request.socket)) request.socket.destroy();
      else response.end("page");
      used.add(request.socket);
    });
    const load = await startLoad({ url, rate: 60, ...browsing });
    await sleep(500);
    const report = await load.stop();
    expect(report.errors).toEqual({});
    expect(report.generator.resent).toBeGreaterThan(10);
  });

  test("refuses a shop without products, and a rate that is none", async () => {
    const { url } = await startServer((_, response) => response.writeHead(404).end());
    await expect(startLoad({ url, rate: 1, stores: ["one"] })).rejects.toThrow(
      /none of 1 stores.*dukaan seed/,
    );
    await expect(startLoad({ url, rate: 0 })).rejects.toThrow(/rate is 0/);
  });

  test("reports as a page that needs nothing else", async () => {
    const { url } = await startServer((_, response) => response.writeHead(200).end());
    const load = await startLoad({ url, rate: 50, ...browsing });
    await sleep(300);
    const page = reportPage(await load.stop(), {
      ok: false,
      orders: { placed: 1, refused: 0, open: 0, openThere: 0, inDatabase: 0 },
      findings: [{ kind: "lost", message: "order 1 <is> not there" }],
    });
    expect(page.match(/<svg/g)).toHaveLength(3);
    expect(page).toContain("order 1 &lt;is> not there");
    expect(page).toContain("DIFFER");
    expect(page).not.toMatch(/(src|href)=|NaN|Infinity|undefined/);
  });
});

test("percentiles are values that were measured (nearest rank)", () => {
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
  expect([0, 0.5, 0.99, 0.991, 1].map((share) => percentile(hundred, share))).toEqual([1, 50, 99, 100, 100]);
  expect(percentile([], 0.5)).toBe(0);
});

describe("journal", () => {
  const start = { type: "start", run: "ab", url: "u", at: "t", products: [] } satisfies Entry;
  const attempt = { type: "attempt", store: "one", lines: [], totalPaise: 5 } satisfies Omit<
    Entry & { type: "attempt" },
    "order"
  >;

  async function journalOf(...entries: Entry[]): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), "dukaan-journal-"));
    cleanUps.push(() => rm(folder, { recursive: true }));
    const path = join(folder, "journal.jsonl");
    const journal = await Journal.open(path);
    for (const entry of entries) void journal.add(entry);
    await journal.close();
    return path;
  }

  test("keeps what became of each order, also when its last line was cut off", async () => {
    const path = await journalOf(
      start,
      { ...attempt, order: 1 },
      { ...attempt, order: 2 },
      { ...attempt, order: 3 },
      { type: "refused", order: 2, reason: "out of stock" },
      { type: "placed", order: 1, id: "x" },
    );
    const outcomes = () => [...readJournal(path).orders.values()].map(({ outcome }) => outcome.type);
    expect(outcomes()).toEqual(["placed", "refused", "unknown"]);
    await truncate(path, (await readFile(path)).length - 3);
    expect(outcomes()).toEqual(["unknown", "refused", "unknown"]);
  });

  test("says at its end when the disk did not take all of it", async () => {
    const handle = await open(import.meta.filename);
    await handle.close();
    const sync = vi.spyOn(Object.getPrototypeOf(handle) as FileHandle, "datasync");
    cleanUps.push(() => Promise.resolve(sync.mockRestore()));
    sync.mockRejectedValueOnce(new Error("EIO"));
    const folder = await mkdtemp(join(tmpdir(), "dukaan-journal-"));
    cleanUps.push(() => rm(folder, { recursive: true }));
    const journal = await Journal.open(join(folder, "journal.jsonl"));
    await journal.add(start);
    await vi.waitUntil(() => sync.mock.calls.length > 0);
    await expect(journal.close()).rejects.toThrow(/journal\.jsonl may not be on the disk: EIO$/);
  });

  test("is never written over, and says where it is broken", async () => {
    const path = await journalOf(start, { type: "placed", order: 9, id: "x" });
    await expect(Journal.open(path)).rejects.toThrow(/EEXIST/);
    expect(() => readJournal(path)).toThrow(/:2 is out of place: placed/);
  });
});
