import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { switchFlag } from "../../apps/api/flags.js";
import { openShop, startShop, textOf, Visitor, type Shop } from "./shop.js";

// What whoever runs the platform sees of it and does to it.

let shop: Shop;
beforeAll(async () => {
  shop = await startShop();
  await openShop(shop.app, "watched");
});
afterAll(async () => await shop?.stop());

const visit = async (path: string) => await new Visitor(shop.app).get(path);

describe("what is measured", () => {
  const scrape = async () => (await visit("/metrics")).body;
  const valueOf = (body: string, series: string) =>
    Number(textOf(`${body}\n`, new RegExp(`^${series} (\\S+)$`, "m")));

  test("requests, failures and times, by route", async () => {
    const not = 'http_request_duration_seconds_count\\{method="GET",route="/s/:slug",status="404"\\}';
    await visit("/s/nobody");
    const before = valueOf(await scrape(), not);
    for (let time = 0; time < 3; time++) await visit("/s/nobody");
    const after = await scrape();
    expect(valueOf(after, not)).toBe(before + 3);
    expect(after).toMatch(
      /http_request_duration_seconds_bucket\{le="0.5",method="GET",route="\/s\/:slug",status="404"\} \d/,
    );
  });

  test("connections that are busy, requests that wait for one, and how long they did", async () => {
    const series = (state: string) => `db_pool_connections\\{state="${state}"\\}`;
    const waits = 'db_pool_wait_seconds_bucket\\{le="0.1"\\}';
    const all = "db_pool_wait_seconds_count";
    const calm = await scrape();
    const blocker = new Client({ connectionString: shop.databaseUrl });
    await blocker.connect();
    await blocker.query("BEGIN; LOCK TABLE stores");
    const pages = Promise.all(Array.from({ length: 12 }, async () => await visit("/s/watched")));
    await expect.poll(async () => valueOf(await scrape(), series("waiting"))).toBe(4);
    expect(valueOf(await scrape(), series("busy"))).toBe(8);
    await sleep(150);
    await blocker.query("ROLLBACK");
    await blocker.end();
    expect((await pages).map(({ status }) => status)).toEqual(Array.from({ length: 12 }, () => 200));
    const after = await scrape();
    expect(valueOf(after, series("waiting"))).toBe(0);
    const late = (body: string) => valueOf(body, all) - valueOf(body, waits);
    expect(late(after) - late(calm)).toBeGreaterThanOrEqual(4);
  });

  test("how late the event loop is", async () => {
    await scrape();
    await sleep(50);
    const end = performance.now() + 200;
    while (performance.now() < end);
    await sleep(50);
    expect(valueOf(await scrape(), "nodejs_eventloop_lag_max_seconds")).toBeGreaterThan(0.15);
  });
});

test("a flag holds while the database is away, as it was known last, and keeps nobody waiting", async () => {
  await switchFlag(shop.db, "read_only", true);
  const write = async () => await new Visitor(shop.app).post("/login", { phone: "9876543210" });
  // Flags are read at most once a second.
  await expect.poll(async () => (await write()).body).toContain("Orders and changes pause for a moment");
  await shop.postgres.crash();
  try {
    for (let second = 0; second < 3; second++) {
      const start = performance.now();
      const refused = await write();
      // Half a second is waited for the flag; a statement that waits for the database would take ten.
      expect(performance.now() - start).toBeLessThan(4_000);
      expect([refused.status, refused.headers["retry-after"]]).toEqual([503, "5"]);
      expect(refused.body).toContain("Orders and changes pause for a moment");
      expect((await visit("/login")).status).toBe(200);
      await sleep(700);
    }
  } finally {
    await shop.postgres.start();
  }
  await expect.poll(async () => (await visit("/readyz")).status).toBe(200);
  await switchFlag(shop.db, "read_only", false);
  await expect.poll(async () => (await write()).status).not.toBe(503);
});
