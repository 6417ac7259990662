import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createApp } from "../../apps/api/app.js";
import { FeatureFlags, switchFlag } from "../../apps/api/flags.js";
import { cleanUp, deleteExpired } from "../../apps/api/housekeeping.js";
import { runStatement } from "./postgres.js";
import {
  hiddenFields,
  loggedCode,
  newAddress,
  newPhone,
  openShop,
  signIn,
  startShop,
  Visitor,
  type Shop,
} from "./shop.js";

let shop: Shop;
beforeAll(async () => {
  shop = await startShop();
});
afterAll(async () => await shop.stop());

async function sessionsOf(phone: string): Promise<number> {
  const { rows } = await shop.pool.query<{ n: number }>(
    "SELECT count(*)::int AS n FROM sessions JOIN merchants ON merchants.id = merchant_id WHERE phone = $1",
    [phone],
  );
  return rows[0]!.n;
}

/** Moves what a session remembers of time into the past. */
async function age(phone: string, changes: string): Promise<void> {
  await shop.pool.query(
    `UPDATE sessions SET ${changes} WHERE merchant_id = (SELECT id FROM merchants WHERE phone = $1)`,
    [phone],
  );
}

/** Asks for a merchant's page with a token, as a browser that has no other one. */
async function askWith(token: string) {
  const answer = await new Visitor(shop.app).get("/stores", { cookie: `__Host-session=${token}` });
  const cookie = /__Host-session=([\w-]{43});/.exec(String(answer.headers["set-cookie"] ?? ""))?.[1];
  return { isIn: answer.status === 200, cookie };
}

describe("a session", () => {
  test("is kept in a cookie bound to the host, to TLS and away from scripts and other sites", async () => {
    const visitor = new Visitor(shop.app);
    const phone = newPhone();
    await visitor.post("/login", { phone }, newAddress());
    expect(visitor.cookie("__Host-sign-in")).toMatch(/^[\w-]{43}$/);
    const code = loggedCode(shop.app, phone);
    const answer = await visitor.post("/login/code", { code }, newAddress());
    const [first, second] = [answer.headers["set-cookie"]].flat();
    expect(first).toMatch(/^__Host-sign-in=; Max-Age=0; Path=\/; /);
    expect(second).toMatch(
      /^__Host-session=[\w-]{43}; Max-Age=1209600; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
  });

  test("has cookies without that prefix over plain HTTP, for development", async () => {
    const environment = { ...shop.environment, publicUrl: "http://127.0.0.1:8080" };
    const { db, pool, queue } = shop;
    const { app } = await createApp({ environment, db, pool, queue, logger: pino({ level: "silent" }) });
    const answer = await app.inject({
      method: "POST",
      url: "/login",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      payload: `phone=${newPhone().slice(3)}`,
    });
    expect(String(answer.headers["set-cookie"])).toMatch(
      /^sign-in=[\w-]{43}; Max-Age=300; Path=\/; HttpOnly; SameSite=Lax$/,
    );
    await app.close();
  });

  test("ends with a sign-out, on the server too; the merchant's other devices stay", async () => {
    const { merchant, phone } = await openShop(shop.app, "devices");
    const device = new Visitor(shop.app);
    await signIn(device, phone);
    const token = device.cookie("__Host-session")!;
    const { location } = await device.submit("/admin/devices", "/logout", {});
    expect(location).toBe("/");
    expect(device.cookie("__Host-session")).toBeUndefined();
    expect((await askWith(token)).isIn).toBe(false);
    expect((await merchant.get("/admin/devices")).status).toBe(200);
  });

  test("ends everywhere at once, and only this merchant's", async () => {
    const { merchant, phone } = await openShop(shop.app, "lost-phone");
    const { merchant: neighbour } = await openShop(shop.app, "neighbour");
    const device = new Visitor(shop.app);
    await signIn(device, phone);
    await merchant.submit("/stores", "/logout/everywhere", {});
    expect(await sessionsOf(phone)).toBe(0);
    expect((await device.get("/admin/lost-phone")).location).toBe("/login");
    expect((await neighbour.get("/admin/neighbour")).status).toBe(200);
  });

  test("is a new one after each sign-in, and the one before it in this browser ends", async () => {
    const { merchant, phone } = await openShop(shop.app, "again");
    const before = merchant.cookie("__Host-session")!;
    await signIn(merchant, phone);
    expect(merchant.cookie("__Host-session")).not.toBe(before);
    expect((await askWith(before)).isIn).toBe(false);
    expect(await sessionsOf(phone)).toBe(1);
  });

  test("ends after 14 days without use and after 90 days at the latest", async () => {
    const { merchant, phone } = await openShop(shop.app, "lifetime");
    await age(phone, "rotated_at = now() - interval '2 hours', created_at = now() - interval '89 days'");
    expect((await merchant.get("/stores")).status).toBe(200);
    const { rows } = await shop.pool.query(
      `SELECT expires_at - created_at = interval '90 days' AS absolute FROM sessions
       WHERE merchant_id = (SELECT id FROM merchants WHERE phone = $1)`,
      [phone],
    );
    expect(rows).toEqual([{ absolute: true }]);
    await age(phone, "expires_at = now() - interval '1 second'");
    expect((await merchant.get("/stores")).location).toBe("/login");
  });
});

describe("a session's token", () => {
  async function dueToken() {
    const { merchant, phone } = await openShop(shop.app, `token-${newPhone().slice(3)}`);
    await age(phone, "rotated_at = now() - interval '61 minutes'");
    return { phone, merchant, token: merchant.cookie("__Host-session")! };
  }

  test("changes after an hour; a browser goes on with the new one", async () => {
    const { merchant, token } = await dueToken();
    expect((await merchant.get("/stores")).status).toBe(200);
    const next = merchant.cookie("__Host-session")!;
    expect(next).not.toBe(token);
    expect((await merchant.get("/stores")).status).toBe(200);
    expect(merchant.cookie("__Host-session")).toBe(next);
  });

  test("changes once for requests side by side, which all are answered", async () => {
    const { token } = await dueToken();
    const answers = await Promise.all(Array.from({ length: 8 }, async () => await askWith(token)));
    expect(answers.every(({ isIn }) => isIn)).toBe(true);
    expect(answers.filter(({ cookie }) => cookie !== undefined)).toHaveLength(1);
  });

  test("goes on for a minute after the new one was used, and then no more", async () => {
    const { phone, token } = await dueToken();
    const { cookie: next } = await askWith(token);
    expect((await askWith(next!)).isIn).toBe(true);
    expect(await askWith(token)).toEqual({ isIn: true, cookie: undefined });
    await age(phone, "confirmed_at = now() - interval '61 seconds'");
    expect((await askWith(token)).isIn).toBe(false);
    expect((await askWith(next!)).isIn).toBe(true);
  });

  test("is given anew to a browser that the answer with it never reached", async () => {
    const { phone, token } = await dueToken();
    const { cookie: lost } = await askWith(token);
    await age(phone, "rotated_at = now() - interval '61 seconds'");
    const { isIn, cookie: next } = await askWith(token);
    expect(isIn).toBe(true);
    expect(next).not.toBe(lost);
    expect((await askWith(lost!)).isIn).toBe(false);
    expect((await askWith(next!)).isIn).toBe(true);
  });

  test("keeps forms valid that were opened before it changed", async () => {
    const { merchant, phone } = await dueToken();
    const page = (await merchant.get("/stores")).body;
    await age(phone, "rotated_at = now() - interval '61 minutes'");
    await merchant.get("/stores");
    const form = { ...hiddenFields(page, "/stores"), name: "Later", slug: `later-${phone.slice(3)}` };
    expect((await merchant.post("/stores", form)).location).toBe(`/admin/${form.slug}/opened`);
  });

  test("does not change while the database refuses writes, and the page is there", async () => {
    const { merchant, token } = await dueToken();
    // As a standby says it.
    await runStatement(
      shop.databaseUrl,
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
         AS $$ BEGIN RAISE 'cannot execute UPDATE in a read-only transaction' USING ERRCODE = '25006'; END $$;
       CREATE TRIGGER refuse BEFORE UPDATE ON sessions EXECUTE FUNCTION refuse()`,
    );
    const answer = await merchant.get("/stores");
    await runStatement(shop.databaseUrl, "DROP FUNCTION refuse CASCADE");
    expect(answer.status).toBe(200);
    expect(merchant.cookie("__Host-session")).toBe(token);
    await merchant.get("/stores");
    expect(merchant.cookie("__Host-session")).not.toBe(token);
  });
});

test("while the service is read-only, sessions go on as they are and housekeeping deletes nothing", async () => {
  const { merchant, phone } = await openShop(shop.app, "read-only");
  await age(phone, "rotated_at = now() - interval '61 minutes'");
  await shop.pool.query(
    `INSERT INTO sessions (token_hash, merchant_id, expires_at)
     SELECT sha256('ended'), merchant_id, now() - interval '1 minute' FROM stores WHERE slug = 'read-only'`,
  );
  const sessions = async () =>
    (await shop.pool.query("SELECT * FROM sessions ORDER BY id")).rows as unknown[];
  const before = await sessions();
  const token = merchant.cookie("__Host-session");
  const failures: unknown[] = [];
  // New ones each time, because flags are kept for a second.
  const tidy = async () =>
    await cleanUp({ db: shop.db, flags: new FeatureFlags(shop.db), images: undefined }, (error) =>
      failures.push(error),
    );

  // Flags are read at most once a second. A number that is none is looked at and refused.
  const write = async () => (await new Visitor(shop.app).post("/login", { phone: "1" })).status;
  await switchFlag(shop.db, "read_only", true);
  await expect.poll(write).toBe(503);
  expect((await merchant.get("/admin/read-only")).status).toBe(200);
  await tidy();
  expect(await sessions()).toEqual(before);
  expect(merchant.cookie("__Host-session")).toBe(token);

  await switchFlag(shop.db, "read_only", false);
  await expect.poll(write).toBe(422);
  expect((await merchant.get("/admin/read-only")).status).toBe(200);
  expect(merchant.cookie("__Host-session")).not.toBe(token);
  await tidy();
  const { rows } = await shop.pool.query("SELECT FROM sessions WHERE token_hash = sha256('ended')");
  expect(rows).toEqual([]);
  expect(failures).toEqual([]);
});

test("housekeeping deletes what has ended, in batches, and nothing else", async () => {
  const { merchant } = await openShop(shop.app, "kept");
  await openShop(shop.app, "old-event");
  const visitor = new Visitor(shop.app);
  const phone = newPhone();
  await visitor.post("/login", { phone }, newAddress());
  await shop.pool.query(
    `INSERT INTO sessions (token_hash, merchant_id, expires_at)
     SELECT sha256(n::text::bytea), (SELECT merchant_id FROM stores WHERE slug = 'kept'), now() - interval '1 minute'
     FROM generate_series(1, 1500) AS n`,
  );
  await shop.pool.query(
    `INSERT INTO sign_in_codes (phone, challenge_hash, code_hash, attempts_left, expires_at)
     SELECT '+918' || lpad(n::text, 9, '0'), sha256(n::text::bytea), sha256('x'), 5, now() - interval '1 minute'
     FROM generate_series(1, 1500) AS n`,
  );
  await shop.pool.query(
    `INSERT INTO rate_limits (subject_hash, free_at)
     SELECT sha256(n::text::bytea), now() - interval '1 minute' FROM generate_series(1, 1500) AS n`,
  );
  await shop.pool.query(
    `INSERT INTO submitted_forms (merchant_id, form_key, content_hash, location, created_at)
     SELECT (SELECT merchant_id FROM stores WHERE slug = 'kept'), lpad(n::text, 22, '0'), sha256('x'), '/', now() - interval '8 days'
     FROM generate_series(1, 1500) AS n`,
  );
  await shop.pool.query(
    "UPDATE outbox SET occurred_at = now() - interval '31 days' WHERE payload->>'slug' = 'old-event'",
  );
  expect(await deleteExpired(shop.db)).toBeGreaterThanOrEqual(6_001);
  expect(await deleteExpired(shop.db)).toBe(0);
  expect((await merchant.get("/admin/kept")).status).toBe(200);
  const code = loggedCode(shop.app, phone);
  expect((await visitor.post("/login/code", { code }, newAddress())).location).toBe("/stores");
  const { rows } = await shop.pool.query<{ slug: string }>("SELECT payload->>'slug' AS slug FROM outbox");
  expect(rows.map((row) => row.slug)).toContain("kept");
  expect(rows.map((row) => row.slug)).not.toContain("old-event");
});
