import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { loggedCode, logOf, newAddress, newPhone, openShop, startShop, Visitor, type Shop } from "./shop.js";

let shop: Shop;
beforeAll(async () => {
  shop = await startShop();
});
afterAll(async () => await shop.stop());

/** A visitor who has asked for a code; `guess` enters one from an address of its own. */
async function askForCode(phone = newPhone()) {
  const visitor = new Visitor(shop.app);
  expect((await visitor.post("/login", { phone }, newAddress())).location).toBe("/login/code");
  const code = loggedCode(shop.app, phone);
  const guess = async (text: string) => await visitor.post("/login/code", { code: text }, newAddress());
  return { visitor, phone, code, guess };
}

/** A code that is not this one. */
const other = (code: string): string => String((Number(code) + 1) % 1_000_000).padStart(6, "0");

async function sessionsOf(phone: string): Promise<number> {
  const { rows } = await shop.pool.query<{ n: number }>(
    "SELECT count(*)::int AS n FROM sessions JOIN merchants ON merchants.id = merchant_id WHERE phone = $1",
    [phone],
  );
  return rows[0]!.n;
}

describe("a code", () => {
  test("opens a session in the browser that asked for it, once", async () => {
    const { visitor, phone, code, guess } = await askForCode();
    expect(code).toMatch(/^\d{6}$/);
    const stranger = new Visitor(shop.app);
    expect((await stranger.post("/login/code", { code }, newAddress())).location).toBe("/login");
    const page = await visitor.get("/login/code");
    expect(page.body).toContain(`+91 ${phone.slice(3, 8)} ${phone.slice(8)}`);
    expect(page.body).toContain("./dukaan login-code");

    expect((await guess(` ${code.slice(0, 3)} ${code.slice(3)} `)).location).toBe("/stores");
    expect((await visitor.get("/stores")).status).toBe(200);
    expect((await guess(code)).location).toBe("/login");
    expect(await sessionsOf(phone)).toBe(1);
  });

  test("is void after five minutes", async () => {
    const { visitor, phone, code, guess } = await askForCode();
    await shop.pool.query(
      "UPDATE sign_in_codes SET expires_at = now() - interval '1 second' WHERE phone = $1",
      [phone],
    );
    expect((await guess(code)).body).toContain("That code cannot be used any more");
    expect((await visitor.get("/login/code")).location).toBe("/login");
    expect(await sessionsOf(phone)).toBe(0);
    const { rows } = await shop.pool.query(
      "SELECT expires_at - now() <= interval '5 minutes' AS short FROM sign_in_codes WHERE phone = $1",
      [(await askForCode()).phone],
    );
    expect(rows).toEqual([{ short: true }]);
  });

  test("is void when a newer one was asked for, also in the same browser", async () => {
    const first = await askForCode();
    const second = await askForCode(first.phone);
    expect((await first.guess(first.code)).status).toBe(422);
    expect((await second.guess(second.code)).location).toBe("/stores");
  });

  test("can be tried five times", async () => {
    const { phone, code, guess } = await askForCode();
    for (let attempt = 1; attempt <= 4; attempt++) {
      const answer = await guess(other(code));
      expect(answer.status).toBe(422);
      expect(answer.body).toContain("This is not the code that we sent");
    }
    expect((await guess(other(code))).body).toContain("That code cannot be used any more");
    expect((await guess(code)).body).toContain("That code cannot be used any more");
    expect(await sessionsOf(phone)).toBe(0);
  });

  test.each(["", "12345", "1234567", "abcdef", "\u0000", "१२३४५६"])("is not %j", async (text) => {
    const { phone, guess } = await askForCode();
    expect((await guess(text)).status).toBe(422);
    expect(await sessionsOf(phone)).toBe(0);
  });

  test("is tried no more than five times by guesses at the same time", async () => {
    const { phone, code, guess } = await askForCode();
    const answers = await Promise.all(Array.from({ length: 20 }, async () => await guess(other(code))));
    const wrong = answers.filter((answer) => answer.body.includes("This is not the code that we sent"));
    expect(wrong.length).toBeLessThanOrEqual(4);
    expect(answers.every((answer) => answer.status === 422)).toBe(true);
    const { rows } = await shop.pool.query("SELECT attempts_left FROM sign_in_codes WHERE phone = $1", [
      phone,
    ]);
    expect(rows).toEqual([{ attempts_left: 0 }]);
    expect((await guess(code)).status).toBe(422);
    expect(await sessionsOf(phone)).toBe(0);
  });

  test("opens exactly one session when it is entered five times at once", async () => {
    const { phone, code, guess } = await askForCode();
    const answers = await Promise.all(Array.from({ length: 5 }, async () => await guess(code)));
    expect(answers.filter((answer) => answer.status === 303)).toHaveLength(1);
    expect(answers.filter((answer) => answer.status === 422)).toHaveLength(4);
    expect(await sessionsOf(phone)).toBe(1);
  });

  test("makes one merchant of a number, however it is written", async () => {
    const { merchant, phone } = await openShop(shop.app, "one-merchant");
    for (const written of [phone, `0${phone.slice(3)}`, `${phone.slice(3, 8)} ${phone.slice(8)}`]) {
      const visitor = new Visitor(shop.app);
      await visitor.post("/login", { phone: written }, newAddress());
      const answer = await visitor.post("/login/code", { code: loggedCode(shop.app, phone) }, newAddress());
      expect(answer.location).toBe("/admin/one-merchant");
      await shop.pool.query("DELETE FROM rate_limits");
    }
    expect((await merchant.get("/admin/one-merchant")).status).toBe(200);
  });

  test.each(["", "12345", "+1 202 555 0100", "98765432101", "5876543210", "\u0000"])(
    "is not sent to %j",
    async (phone) => {
      const answer = await new Visitor(shop.app).post("/login", { phone }, newAddress());
      expect(answer.status).toBe(422);
      expect(answer.body).toContain("The number must be an Indian mobile number of ten digits");
      expect(answer.headers["set-cookie"]).toBeUndefined();
    },
  );

  test("is in the log once and nowhere else, and neither code, challenge nor token is stored", async () => {
    const { visitor, phone, code, guess } = await askForCode();
    const challenge = visitor.cookie("__Host-sign-in")!;
    const stored = async () => {
      const { rows } = await shop.pool.query(
        `SELECT (SELECT json_agg(t)::text FROM sign_in_codes t) AS codes,
                (SELECT json_agg(t)::text FROM sessions t) AS sessions,
                (SELECT json_agg(t)::text FROM rate_limits t) AS limits`,
      );
      return JSON.stringify(rows);
    };
    const asked = await stored();
    await guess(code);
    const token = visitor.cookie("__Host-session")!;
    const entered = await stored();
    for (const secret of [challenge, token, `"${code}"`])
      for (const text of [asked, entered]) {
        expect(text).not.toContain(secret);
        expect(text).not.toContain(Buffer.from(secret).toString("hex"));
      }
    const lines = logOf(shop.app).filter((line) => line.includes(phone));
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({ level: 30, msg: "sign-in code", phone, code });
    expect(logOf(shop.app).filter((line) => line.includes(challenge) || line.includes(token))).toEqual([]);
  });
});

const SOMEWHERE = newAddress();

describe("asking for codes", () => {
  test("is answered the same, for the same work, whether the number is known or not", async () => {
    const { phone: known } = await openShop(shop.app, "known-number");
    await shop.pool.query("DELETE FROM rate_limits");
    const query = vi.spyOn(Client.prototype, "query");
    const answers = [];
    for (const phone of [known, newPhone()]) {
      query.mockClear();
      const visitor = new Visitor(shop.app);
      const { status, body, location, headers } = await visitor.post("/login", { phone }, newAddress());
      answers.push({
        status,
        body,
        location,
        headers: Object.keys(headers),
        cookie: String(headers["set-cookie"]).replace(/=[\w-]{43};/, "=…;"),
        // Flags are read once a second, whoever asks.
        queries: query.mock.calls.map(([text]) => text).filter((text) => !text.includes("feature_flags")),
        page: (await visitor.get("/login/code")).body.replaceAll(/\+91 \d{5} \d{5}/g, "…"),
      });
    }
    query.mockRestore();
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]!.queries.length).toBeGreaterThan(0);
  });

  test("is limited by number, from everywhere and at the same time", async () => {
    const phone = newPhone();
    const ask = async () => await new Visitor(shop.app).post("/login", { phone }, newAddress());
    const answers = await Promise.all(Array.from({ length: 10 }, ask));
    expect(answers.filter((answer) => answer.status === 303)).toHaveLength(6);
    const refused = answers.find((answer) => answer.status === 429)!;
    expect(refused.headers["retry-after"]).toBe("300");
    expect(refused.body).toContain("Please wait 5 minutes");
    // Five minutes later there is one more, and only one.
    await shop.pool.query("UPDATE rate_limits SET free_at = free_at - interval '5 minutes'");
    expect((await ask()).status).toBe(303);
    expect((await ask()).status).toBe(429);
  });

  test("is limited by number and address, so that a stranger does not use up its owner's codes", async () => {
    const phone = newPhone();
    const [stranger, owner] = [newAddress(), newAddress()];
    const ask = async (from: Record<string, string>) =>
      (await new Visitor(shop.app).post("/login", { phone }, from)).status;
    const answers = await Promise.all(Array.from({ length: 10 }, async () => await ask(stranger)));
    expect(answers.filter((status) => status === 303)).toHaveLength(3);
    expect([await ask(owner), await ask(owner), await ask(owner), await ask(owner)]).toEqual([
      303, 303, 303, 429,
    ]);
  });

  test("costs its owner nothing while somebody else has used up the number", async () => {
    const phone = newPhone();
    const owner = newAddress();
    const ask = async (from: Record<string, string>) =>
      (await new Visitor(shop.app).post("/login", { phone }, from)).status;
    for (const stranger of [newAddress(), newAddress()])
      for (let time = 0; time < 3; time++) expect(await ask(stranger)).toBe(303);
    for (let time = 0; time < 5; time++) expect(await ask(owner)).toBe(429);
    await shop.pool.query("UPDATE rate_limits SET free_at = free_at - interval '15 minutes'");
    expect([await ask(owner), await ask(owner), await ask(owner)]).toEqual([303, 303, 303]);
  });

  test.each([
    ["ten a day for one number from one address", 10, () => SOMEWHERE],
    ["twenty a day for one number from everywhere", 20, newAddress],
  ])("is limited to %s", async (_limit, most, from) => {
    const phone = newPhone();
    let sent = 0;
    for (let hour = 0; hour < 4; hour += 0.1) {
      const { status } = await new Visitor(shop.app).post("/login", { phone }, from());
      if (status === 303) sent++;
      await shop.pool.query("UPDATE rate_limits SET free_at = free_at - interval '6 minutes'");
    }
    // In four hours there is one more, or there are three.
    expect(sent).toBe(most + Math.floor((most * 4) / 24));
  });

  test.each([
    ["an IPv4 address", () => "192.0.2.7", "192.0.2.8"],
    ["an IPv4 address in IPv6", () => "::ffff:198.51.100.7", "198.51.100.8"],
    ["an IPv6 /64", (n: number) => `2001:db8:0:7::${n.toString(16)}`, "2001:db8:0:8::1"],
  ])("is limited by address, counting %s as one", async (_kind, address, elsewhere) => {
    const ask = async (ip: string) =>
      (await new Visitor(shop.app).post("/login", { phone: newPhone() }, { "x-forwarded-for": ip })).status;
    const answers = await Promise.all(Array.from({ length: 33 }, async (_, n) => await ask(address(n + 1))));
    expect(answers.filter((status) => status === 303)).toHaveLength(30);
    expect(answers.filter((status) => status === 429)).toHaveLength(3);
    expect(await ask(elsewhere)).toBe(303);
  });

  test("is limited for all numbers and addresses together, and who is refused by that loses nothing", async () => {
    const ask = async (phone: string) => await new Visitor(shop.app).post("/login", { phone }, newAddress());
    expect((await ask(newPhone())).status).toBe(303);
    // As after 900 codes at once.
    await shop.pool.query("UPDATE rate_limits SET free_at = now() + interval '1 hour'");
    const phone = newPhone();
    for (let attempt = 0; attempt < 4; attempt++) {
      const refused = await ask(phone);
      expect([refused.status, refused.headers["retry-after"]]).toEqual([429, "4"]);
      expect(refused.body).toContain("Please wait 4 seconds");
    }
    expect(() => loggedCode(shop.app, phone)).toThrow(/No code/);
    // Twelve seconds later there are three more, also for the number that was refused.
    await shop.pool.query(
      "UPDATE rate_limits SET free_at = free_at - interval '12 seconds' WHERE free_at > now() + interval '50 minutes'",
    );
    for (let attempt = 0; attempt < 3; attempt++) expect((await ask(phone)).status).toBe(303);
    await shop.pool.query("DELETE FROM rate_limits");
  });

  test("and guessing is limited by address too", async () => {
    const address = { "x-forwarded-for": "2001:db8:1::1" };
    const statuses = new Map<number, number>();
    for (let round = 0; round < 13; round++) {
      const { visitor, code } = await askForCode();
      for (let guess = 0; guess < 5; guess++) {
        const { status } = await visitor.post("/login/code", { code: other(code) }, address);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    }
    // Some seconds have passed since the first one, enough for at most one more.
    expect(statuses.get(422)).toBeGreaterThanOrEqual(60);
    expect(statuses.get(422)).toBeLessThanOrEqual(62);
    expect(statuses.get(429)).toBe(65 - statuses.get(422)!);
  });
});
