import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningCloud, startCloud } from "../../local/api/start.js";
import { State } from "../../local/state/database.js";
import { askWithGo, askWithPython, type Finding } from "../conformance/clients.js";
import { token } from "../unit/local-api-client.js";
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
