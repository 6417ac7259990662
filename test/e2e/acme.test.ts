import { X509Certificate } from "node:crypto";
import { request as httpRequest } from "node:http";
import { request } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Finding } from "../../src/diagnose/finding.js";
import { createLab, type Lab } from "./lab.js";
import { createPebble, type Pebble } from "./pebble.js";
import { visitAgainAndAgain } from "./visits.js";

// A shop with a name gets its certificate from an ACME authority by itself, and keeps it good. The authority (pebble) is on
// a server of its own and comes to the shop's port 80 from outside. The tests build on one another.

const domain = "shop.example.com";
/** Renewed when a third of it is left: after a minute, which is more than a busy computer needs to see that it is not yet. */
const lifetimeSeconds = 90;

let lab: Lab;
let address: string;
let pebble: Pebble;

beforeAll(async () => {
  lab = await createLab("acme");
  const up = await lab.dukaan("up", "--json");
  if (up.exitCode !== 0) throw new Error(up.stderr);
  address = new URL((JSON.parse(up.stdout) as { url: string }).url).hostname;
  pebble = await createPebble(lab, "acme", address, lifetimeSeconds);
});
afterAll(() => lab?.remove());

it("opens the shop with a stand-in while the authority is away, and says so", async () => {
  await lab.configure("dukaan:domain", domain);
  await lab.configure("dukaan:acme.directory", pebble.directory);
  await lab.configure("dukaan:acme.caCertificate", pebble.caCertificate);
  const up = await lab.pulumi("up", "--yes", "--skip-preview", "--non-interactive");
  expect(up, up.stdout + up.stderr).toMatchObject({ exitCode: 0 });
  expect((await shown()).issuer).toBe("CN=Dukaan lab");
  const outputs = await lab.dukaan("outputs", "--json");
  const { caCertificate } = JSON.parse(outputs.stdout) as { caCertificate: string };
  expect((await get("/readyz", caCertificate)).status).toBe(200);
  expect(await findings()).toContain("warning certificate-unknown");
});

it("gets a certificate as soon as it can", async () => {
  await pebble.start();
  await onMachine("systemctl start dukaan-certificate");
  const certificate = await shownNow();
  expect(certificate.issuer).toMatch(/^CN=Pebble Intermediate/);
  expect(certificate.subjectAltName).toBe(`DNS:${domain}`);
  const { status, headers } = await get("/readyz", await pebble.root());
  expect(status).toBe(200);
  expect(headers["strict-transport-security"]).toBe("max-age=31536000");
  expect(await findings()).not.toContain("warning certificate-unknown");
  // The key was made on the machine, and nobody else has it.
  const key = await onMachine("sed -n '/PRIVATE KEY/{n;p;q}' /var/lib/dukaan/certificate/current/key.pem");
  const state = await lab.pulumi("stack", "export", "--show-secrets");
  expect(state.stdout).toContain("AcmeAccount");
  expect(key.trim().length).toBeGreaterThan(40);
  expect(state.stdout).not.toContain(key.trim());
});

it("answers the authority's questions on port 80, and sends everybody else to HTTPS", async () => {
  const answer = await plain("/.well-known/acme-challenge/some-token_1");
  expect(answer).toMatchObject({
    status: 200,
    body: expect.stringMatching(/^some-token_1\.[\w-]{43}$/) as string,
  });
  expect(await plain("/s/shop?a=b")).toMatchObject({ status: 308, location: `https://${domain}/s/shop?a=b` });
});

it("is renewed in time, not before, and not lost when the authority is, without a failed request", async () => {
  await onMachine("/usr/local/lib/dukaan/certificate renew");
  const first = await shownNow();
  // Each over a connection of its own.
  const load = visitAgainAndAgain(async () => (await get("/readyz")).status);
  await onMachine("systemctl start dukaan-certificate");
  expect((await shown()).serialNumber).toBe(first.serialNumber);

  await pebble.stop();
  const due = Date.parse(first.validTo) - (lifetimeSeconds / 3) * 1000;
  await sleep(Math.max(0, due - Date.now()) + 1500);
  expect(await onMachine("systemctl start dukaan-certificate || echo failed")).toBe("failed");
  expect((await shown()).serialNumber).toBe(first.serialNumber);
  expect(await findings()).toContain("warning unit-failed");

  // It has forgotten everybody: the account is made anew.
  await pebble.start();
  await onMachine("systemctl start dukaan-certificate");
  const second = await shownNow();
  expect(second.serialNumber).not.toBe(first.serialNumber);
  expect((await get("/readyz", await pebble.root())).status).toBe(200);
  const { visits, failures } = await load.stop();
  expect(failures).toEqual([]);
  expect(visits).toBeGreaterThan(100);
  process.stderr.write(`  ${visits} visits during renewals, none failed\n`);
});

/** What a visitor sees once nginx has reloaded: the one that the machine has. */
async function shownNow(): Promise<X509Certificate> {
  const file = await onMachine("openssl x509 -in /var/lib/dukaan/certificate/current/chain.pem");
  const { serialNumber } = new X509Certificate(file);
  await expect.poll(async () => (await shown()).serialNumber).toBe(serialNumber);
  return shown();
}

/** The certificate that a visitor sees. */
async function shown(): Promise<X509Certificate> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: address, port: 443, servername: domain, rejectUnauthorized: false },
      () => {
        resolve(new X509Certificate(socket.getPeerCertificate().raw));
        socket.destroy();
      },
    );
    socket.on("error", reject);
  });
}

/** Asks by the shop's name, over a connection of its own. @param ca verified with this; absent: not at all */
async function get(path: string, ca?: string) {
  return new Promise<{ status: number; headers: Record<string, unknown> }>((resolve, reject) => {
    const asking = request(
      {
        host: address,
        path,
        servername: domain,
        headers: { host: domain },
        agent: false,
        timeout: 10_000,
        ...(ca === undefined ? { rejectUnauthorized: false } : { ca }),
      },
      (answer) => {
        answer.resume();
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers }));
        answer.on("error", reject);
      },
    );
    asking.on("timeout", () => asking.destroy(new Error("no answer within 10 s")));
    asking.on("error", reject);
    asking.end();
  });
}

async function plain(path: string) {
  return new Promise<{ status: number; location: string | undefined; body: string }>((resolve, reject) => {
    const asking = httpRequest({ host: address, path, headers: { host: domain } }, (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("data", (part: string) => (body += part));
      answer.on("end", () =>
        resolve({ status: answer.statusCode ?? 0, location: answer.headers.location, body }),
      );
    });
    asking.on("error", reject);
    asking.end();
  });
}

async function findings(): Promise<string[]> {
  const { stdout } = await lab.dukaan("diagnose", "--json");
  return (JSON.parse(stdout) as { findings: Finding[] }).findings.map(
    ({ severity, code }) => `${severity} ${code}`,
  );
}

async function onMachine(command: string): Promise<string> {
  const result = await lab.dukaan("ssh", "--", command);
  expect(result, `${command}: ${result.stderr}`).toMatchObject({ exitCode: 0 });
  return result.stdout.trim();
}
