import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { pino } from "pino";
import { Webhook as Verifier } from "standardwebhooks";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createApp } from "../../apps/api/app.js";
import { Webhook } from "../../apps/api/sms/webhook.js";
import { LogStream } from "./log-stream.js";
import { newAddress, newPhone, startShop, Visitor, type Shop } from "./shop.js";

const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

interface Received {
  headers: Record<string, string>;
  body: string;
}

/** A provider that keeps what it gets; `answer` decides what it says to the n-th request, from 1. */
interface Provider {
  url: string;
  received: Received[];
  stop: () => void;
}

type Answer = (response: ServerResponse, request: IncomingMessage, count: number) => void;

const providers: Provider[] = [];
afterEach(() => {
  for (const provider of providers.splice(0)) provider.stop();
});

async function startProvider(answer: Answer, tls?: { key: Buffer; cert: Buffer }): Promise<Provider> {
  const received: Received[] = [];
  const listener = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request);
    received.push({ headers: request.headers as Record<string, string>, body });
    answer(response, request, received.length);
  };
  const handle = (request: IncomingMessage, response: ServerResponse) => void listener(request, response);
  const server: Server = tls ? createTlsServer(tls, handle) : createServer(handle);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const stop = () => {
    server.close();
    if ("closeAllConnections" in server && typeof server.closeAllConnections === "function")
      server.closeAllConnections();
  };
  const provider = { url: `${tls ? "https" : "http"}://127.0.0.1:${port}/dukaan`, received, stop };
  providers.push(provider);
  return provider;
}

/** A gateway to a provider, and what it logs. */
function gatewayTo(url: string, timeoutMillis?: number): { gateway: Webhook; log: LogStream } {
  const log = new LogStream();
  return { gateway: new Webhook({ url, secret }, pino({ level: "trace" }, log), timeoutMillis), log };
}

const send = async (gateway: Webhook) => await gateway.sendCode("+919876543210", "482913");

describe("the webhook", () => {
  test("sends a message that the library of Standard Webhooks accepts", async () => {
    const provider = await startProvider((response) => response.writeHead(202).end());
    const { gateway, log } = gatewayTo(provider.url);
    await send(gateway);
    const [{ headers, body }] = provider.received as [Received];
    expect(new Verifier(secret).verify(body, headers)).toEqual({
      type: "sign-in-code",
      to: "+919876543210",
      code: "482913",
      expiresInSeconds: 300,
    });
    expect(headers["content-type"]).toBe("application/json");
    expect(() => new Verifier(secret).verify(body.replace("482913", "482914"), headers)).toThrow(/signature/);
    const late = { ...headers, "webhook-timestamp": String(Number(headers["webhook-timestamp"]) + 1) };
    expect(() => new Verifier(secret).verify(body, late)).toThrow(/signature/);
    expect(log.lines).toEqual([]);
  });

  test("sends it again once, under the same id, when the connection breaks", async () => {
    const provider = await startProvider((response, request, count) => {
      if (count === 1) request.socket.destroy();
      else response.end();
    });
    await send(gatewayTo(provider.url).gateway);
    const ids = provider.received.map(({ headers }) => headers["webhook-id"]);
    expect(ids).toHaveLength(2);
    expect(ids[1]).toBe(ids[0]);
    for (const { headers, body } of provider.received) new Verifier(secret).verify(body, headers);
  });

  test("gives up after the second break, and where nobody listens", async () => {
    const provider = await startProvider((_response, request) => request.socket.destroy());
    await expect(send(gatewayTo(provider.url).gateway)).rejects.toThrow(/other side closed|ECONNRESET/);
    expect(provider.received).toHaveLength(2);
    provider.stop();
    await expect(send(gatewayTo(provider.url).gateway)).rejects.toThrow(/ECONNREFUSED/);
  });

  test.each([400, 401, 429, 500, 301])("is not sent again after the answer %i", async (status) => {
    const provider = await startProvider((response) =>
      response.writeHead(status, { location: "/elsewhere" }).end("no"),
    );
    await expect(send(gatewayTo(provider.url).gateway)).rejects.toThrow(`it answered ${status}`);
    expect(provider.received).toHaveLength(1);
  });

  test("waits no longer than its limit, and then it does not send again", async () => {
    const provider = await startProvider(() => undefined);
    const start = performance.now();
    await expect(send(gatewayTo(provider.url, 2_000).gateway)).rejects.toThrow(/timeout/);
    expect(performance.now() - start).toBeLessThan(5_000);
    expect(provider.received).toHaveLength(1);
  });

  test("never logs code or number, only an id to ask the provider about", async () => {
    const provider = await startProvider((response, request, count) => {
      if (count <= 2) request.socket.destroy();
      else response.writeHead(500).end("482913 +919876543210");
    });
    const { gateway, log } = gatewayTo(provider.url);
    await expect(send(gateway)).rejects.toThrow(/other side closed|ECONNRESET/);
    await expect(send(gateway)).rejects.toThrow("it answered 500");
    expect(log.lines).toHaveLength(2);
    expect(JSON.parse(log.lines[1]!)).toMatchObject({
      messageId: provider.received[2]!.headers["webhook-id"],
      reason: "it answered 500",
    });
    expect(log.lines.join("")).not.toMatch(/482913|9876543210|whsec/);
  });
});

describe("over TLS", () => {
  let folder: string;
  let tls: { key: Buffer; cert: Buffer };
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "dukaan-sms-"));
    execFileSync(
      "openssl",
      "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem".split(
        " ",
      ),
      { cwd: folder, stdio: "ignore" },
    );
    tls = { key: readFileSync(join(folder, "key.pem")), cert: readFileSync(join(folder, "cert.pem")) };
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("a provider is only spoken to when its certificate is one that this machine trusts", async () => {
    const provider = await startProvider((response) => response.end(), tls);
    await expect(send(gatewayTo(provider.url).gateway)).rejects.toThrow(/self-signed certificate/);
    expect(provider.received).toEqual([]);
    const known = getCACertificates("default");
    setDefaultCACertificates([...known, tls.cert.toString()]);
    try {
      // The broken connection is kept for a moment under the same origin.
      await expect
        .poll(async () => await send(gatewayTo(provider.url).gateway).then(() => "sent", String))
        .toBe("sent");
    } finally {
      setDefaultCACertificates(known);
    }
    expect(provider.received).toHaveLength(1);
  });
});

describe("signing in with a provider", () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await startShop();
  });
  afterAll(async () => await shop.stop());

  /** The service with a webhook instead of the log. */
  async function withProvider(url: string) {
    const log = new LogStream();
    const { app } = await createApp({
      environment: { ...shop.environment, sms: { url, secret } },
      db: shop.db,
      pool: shop.pool,
      queue: shop.queue,
      logger: pino({ level: "trace" }, log),
    });
    return { app, log };
  }

  test("takes the code that the provider got; it is in no page and no log", async () => {
    const provider = await startProvider((response) => response.end());
    const { app, log } = await withProvider(provider.url);
    const phone = newPhone();
    const visitor = new Visitor(app);
    await visitor.post("/login", { phone }, newAddress());
    const { code, to } = JSON.parse(provider.received[0]!.body) as { code: string; to: string };
    expect(to).toBe(phone);
    const page = (await visitor.get("/login/code")).body;
    expect(page).not.toContain(code);
    expect(page).not.toContain("login-code");
    expect((await visitor.post("/login/code", { code }, newAddress())).location).toBe("/stores");
    expect(log.lines.length).toBeGreaterThan(2);
    expect(log.lines.join("")).not.toContain(`"${code}"`);
    expect(log.lines.join("")).not.toContain(phone);
    await app.close();
  });

  test("says so when the provider does not work, the same for every number, and lets nobody in", async () => {
    const provider = await startProvider((response) => response.writeHead(500).end());
    const { app } = await withProvider(provider.url);
    const visitor = new Visitor(app);
    const answer = await visitor.post("/login", { phone: newPhone() }, newAddress());
    expect(answer.status).toBe(503);
    expect(answer.headers["retry-after"]).toBe("60");
    expect(answer.body).toContain("We cannot send a code right now");
    expect(visitor.cookie("__Host-sign-in")).toBeUndefined();
    await app.close();
  });

  test("takes nothing from a number's codes while the provider does not work", async () => {
    let works = false;
    const provider = await startProvider((response) => response.writeHead(works ? 204 : 500).end());
    const { app } = await withProvider(provider.url);
    const phone = newPhone();
    const ask = async () => (await new Visitor(app).post("/login", { phone }, newAddress())).status;
    for (let attempt = 0; attempt < 12; attempt++) expect(await ask()).toBe(503);
    works = true;
    for (let attempt = 0; attempt < 3; attempt++) expect(await ask()).toBe(303);
    expect([await ask(), await ask(), await ask(), await ask()]).toEqual([303, 303, 303, 429]);
    await app.close();
  });
});
