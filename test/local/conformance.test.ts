import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { askWithGo, askWithPython, type Finding } from "../conformance/clients.js";
import { listeningCloud, type ListeningCloud } from "../conformance/listening-cloud.js";
import { pluginStack } from "../conformance/pulumi.js";
import { publicKey, token } from "../unit/local-api-client.js";

let cloud: ListeningCloud["cloud"];
let where: ListeningCloud["where"];

beforeAll(async () => {
  ({ cloud, where } = await listeningCloud());
});
afterAll(() => cloud?.close());

/** What clients upload. */
async function newSecrets(): Promise<Record<"publicKey" | "certificate" | "privateKey", string>> {
  const key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout -".split(" ");
  const subject = ["-subj", "/CN=shop.example", "-addext", "subjectAltName=DNS:shop.example"];
  const { stdout: pem } = await execa("openssl", ["req", "-x509", ...key, ...subject]);
  const at = pem.indexOf("-----BEGIN CERTIFICATE");
  return { publicKey: publicKey(9), privateKey: pem.slice(0, at), certificate: pem.slice(at) };
}

const failed = (findings: Finding[]) => findings.filter(({ error }) => error !== "");

test("the official Go client finds what it expects, for each kind of resource", async () => {
  const findings = await askWithGo(where, "everything");
  expect(failed(findings)).toEqual([]);
  const checks = findings.map(({ check }) => check);
  expect(new Set(checks).size).toBeGreaterThanOrEqual(103);
});

test("the official Go client waits and comes through when Hetzner's limit of requests is reached", async () => {
  const seen = { waits: 0, ended: false };
  const limited = await listeningCloud({ rateLimit: 3600 }, (app) => {
    app.addHook("onResponse", async ({ headers }, { statusCode }) => {
      if (statusCode === 429 && headers["user-agent"]?.startsWith("hcloud-go")) seen.waits++;
    });
  });
  const headers = { authorization: `Bearer ${token}` };
  const answer = () => limited.cloud.app.inject({ url: "/v1/locations", headers });
  try {
    let last = await answer();
    while (last.statusCode === 200) last = await answer();
    expect(last.statusCode).toBe(429);
    expect(last.json()).toMatchObject({ error: { code: "rate_limit_exceeded" } });
    expect(last.headers).toMatchObject({ "ratelimit-limit": "3600", "ratelimit-remaining": "0" });

    // What comes back, one request a second, is taken away until the client has been told to wait; it asks again
    // should it have been faster.
    while (seen.waits === 0) {
      seen.ended = false;
      const findings = askWithGo(limited.where, "rate-limit").finally(() => (seen.ended = true));
      while (seen.waits === 0 && !seen.ended) {
        await answer();
        await sleep(5);
      }
      expect(await findings).toEqual([{ check: "rate limit: the client comes through", error: "" }]);
    }
  } finally {
    await limited.cloud.close();
  }
});

test("the official Python client finds what it expects, too", async () => {
  const { publicKey: PUBLIC_KEY, certificate: CERTIFICATE, privateKey: PRIVATE_KEY } = await newSecrets();
  const findings = await askWithPython({ ...where, PUBLIC_KEY, CERTIFICATE, PRIVATE_KEY });
  expect(failed(findings)).toEqual([]);
  expect(findings.length).toBeGreaterThanOrEqual(51);
});

test("the hcloud plugin makes, changes, imports and destroys a resource of each type", async () => {
  const secrets = await newSecrets();
  const stack = await pluginStack(where, secrets);
  const up = (wish: object) => stack.pulumi(wish, "up", "--yes", "--skip-preview");
  const nothing = ["preview", "--refresh", "--expect-no-changes"];
  try {
    expect(await up({})).toMatch(/\+ 29 created/);
    expect(await stack.pulumi({}, ...nothing)).toMatch(/29 unchanged/);
    expect(await up({ step: "two" })).toMatch(/~ \d+ updated/);
    expect(await stack.pulumi({ step: "two" }, ...nothing)).toMatch(/29 unchanged/);

    const imported = await stack.importAll();
    expect(imported.failed).toEqual([]);
    expect(imported.types.length).toBeGreaterThanOrEqual(22);
    expect(imported.ofRecords.join("\n")).toContain("import hcloud_zone_record resources is not supported");
    expect(await up({ step: "two", zone: "other.example" })).toMatch(/\+-3 replaced/);
    expect(await stack.pulumi({ step: "two", zone: "other.example" }, ...nothing)).toMatch(/29 unchanged/);

    expect(await stack.pulumi({}, "destroy", "--yes", "--skip-preview")).toMatch(/- 29 deleted/);
  } finally {
    await stack.remove();
  }
}, 600_000);
