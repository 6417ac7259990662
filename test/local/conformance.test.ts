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

const failed = (findings: Finding[]) => findings.filter(({ error }) => error !== "");

test("the official Go client finds what it expects, for each kind of resource", async () => {
  const findings = await askWithGo(where);
  expect(failed(findings)).toEqual([]);
  const checks = findings.map(({ check }) => check);
  expect(new Set(checks).size).toBeGreaterThanOrEqual(90);
});

test("the official Python client does, too", async () => {
  const findings = await askWithPython(where);
  expect(failed(findings)).toEqual([]);
  expect(findings.length).toBeGreaterThanOrEqual(48);
});

test("the hcloud plugin makes, changes, imports and destroys a resource of each type", async () => {
  const args = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-days",
    "2",
    "-keyout",
    "-",
  ];
  const { stdout: pem } = await execa("openssl", ["req", "-x509", ...args, "-subj", "/CN=shop.example"]);
  const at = pem.indexOf("-----BEGIN CERTIFICATE");
  const secrets = { publicKey: publicKey(9), privateKey: pem.slice(0, at), certificate: pem.slice(at) };
  const stack = await pluginStack(where, secrets);
  const up = (wish: object) => stack.pulumi(wish, "up", "--yes", "--skip-preview");
  const nothing = ["preview", "--refresh", "--expect-no-changes"];
  try {
    expect(await up({})).toMatch(/\+ 23 created/);
    expect(await stack.pulumi({}, ...nothing)).toMatch(/23 unchanged/);
    expect(await up({ step: "two" })).toMatch(/~ \d+ updated/);
    expect(await stack.pulumi({ step: "two" }, ...nothing)).toMatch(/23 unchanged/);

    const [, id = ""] = /volumeId\s+"?(\d+)/.exec(await stack.pulumi({}, "stack", "output")) ?? [];
    const imported = ["import", "hcloud:index/volume:Volume", "again", id, "--yes", "--generate-code=false"];
    expect(await stack.pulumi({ step: "two" }, ...imported)).toMatch(/1 imported/);
    await stack.pulumi(
      {},
      "state",
      "delete",
      "urn:pulumi:test::test::hcloud:index/volume:Volume::again",
      "--force",
    );

    expect(await stack.pulumi({}, "destroy", "--yes", "--skip-preview")).toMatch(/- 23 deleted/);
  } finally {
    await stack.remove();
  }
});
