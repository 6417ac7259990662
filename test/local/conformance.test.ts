import { execa } from "execa";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningCloud, startCloud } from "../../local/api/start.js";
import { State } from "../../local/state/database.js";
import { askWithGo, askWithPython, type Finding } from "../conformance/clients.js";
import { pluginStack } from "../conformance/pulumi.js";
import { publicKey, token } from "../unit/local-api-client.js";
import { MemoryHost } from "../unit/local-api-host.js";

/** The API as it is, on a computer that only remembers: what machines do is tested elsewhere. */
let cloud: RunningCloud;
let where: Record<"HCLOUD_ENDPOINT" | "HCLOUD_TOKEN", string>;

beforeAll(async () => {
  let endpoint = "";
  cloud = await startCloud({
    host: new MemoryHost(),
    state: new State(":memory:"),
    slot: 0,
    token,
    logger: pino({ level: "silent" }),
    listen: async (app) => (endpoint = await app.listen({ host: "127.0.0.1", port: 0 })),
  });
  where = { HCLOUD_ENDPOINT: `${endpoint}/v1`, HCLOUD_TOKEN: token };
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
  const findings = await askWithGo(where);
  expect(failed(findings)).toEqual([]);
  const checks = findings.map(({ check }) => check);
  expect(new Set(checks).size).toBeGreaterThanOrEqual(103);
});

test("the official Python client does, too", async () => {
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

    // What the real one identifies by other than its id, or not at all, cannot be imported by id.
    const imported = await stack.importAll();
    expect(imported.failed).toEqual([]);
    expect(imported.types.length).toBeGreaterThanOrEqual(18);
    expect(await up({ step: "two", zone: "other.example" })).toMatch(/\+-3 replaced/);
    expect(await stack.pulumi({ step: "two", zone: "other.example" }, ...nothing)).toMatch(/29 unchanged/);

    expect(await stack.pulumi({}, "destroy", "--yes", "--skip-preview")).toMatch(/- 29 deleted/);
  } finally {
    await stack.remove();
  }
});
