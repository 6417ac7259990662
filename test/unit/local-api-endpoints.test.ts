import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { realEndpoints } from "../conformance/endpoints.js";
import { TestCloud } from "./local-api-client.js";
import { Things } from "./local-api-things.js";

let cloud: TestCloud;
let routes: string[];
interface Document {
  openapi: string;
  paths: Record<string, Record<string, { responses: Record<string, object> }>>;
}

beforeAll(async () => {
  cloud = await TestCloud.start();
  const { paths } = JSON.parse(await cloud.text("/openapi.json")) as Document;
  routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
});
afterAll(() => cloud.close());

/** "GET /servers" → "done", "refused: 422 unsupported_error" or "missing", by the table of local/README.md. */
function table(): Map<string, string> {
  const text = readFileSync(join(import.meta.dirname, "../../local/README.md"), "utf8");
  const rows = text.matchAll(/^\| `(\/[^`]*)` +\| ([A-Z ]+?) +\| (done|missing|refused: [^|]*?) +\|$/gm);
  return new Map(
    [...rows].flatMap(([, path, methods = "", here = ""]) =>
      methods.split(" ").map((method): [string, string] => [`${method} ${path}`, here]),
    ),
  );
}

test("the table of the README names every endpoint of the real API, and no other", () => {
  const real = realEndpoints();
  expect(real).toHaveLength(189);
  expect([...table().keys()].sort()).toEqual(real.sort());
});

test("what it calls done or refused has a route, and what it calls missing has none", () => {
  const here = [...table()].flatMap(([endpoint, status]) => (status === "missing" ? [] : [endpoint]));
  expect(routes.sort()).toEqual(here.sort());
});

/** Of refusals, whatever is asked for: no endpoint that is done answers so to things that it can be used on. */
const refusals = new Set(["unsupported_error", "deprecated_api_endpoint"]);
const methods = ["GET", "POST", "PUT", "DELETE"] as const;

test("what it calls refused is refused with that code, and nothing else is", async () => {
  const things = await Things.start();
  const zone = String(await things.zone({ name: "refused.example" }));
  const network = await things.network();
  const server = await things.server({ networks: [network] });
  const made = (await things.cloud.post(`/servers/${server}/actions/create_image`, {})).body;
  await things.cloud.finished(made.action);
  /** Of each kind one that is there, by the first part of the path. */
  const ids: Record<string, number> = {
    certificates: await things.certificate(),
    firewalls: await things.firewall(),
    floating_ips: await things.floatingIp(),
    images: made.image?.id ?? 0,
    load_balancers: await things.balancer({ network }),
    networks: network,
    placement_groups: await things.group(),
    primary_ips: await things.primaryIp(),
    servers: server,
    volumes: await things.volume(),
  };
  const found: string[] = [];
  // Deletions last: the others are asked of what is still there.
  const endpoints = [...table()].toSorted(
    ([one], [other]) => Number(one.startsWith("DELETE")) - Number(other.startsWith("DELETE")),
  );
  for (const [endpoint, status] of endpoints) {
    const method = methods.find((one) => endpoint.startsWith(`${one} `)) ?? "GET";
    const path = endpoint.slice(method.length + 1);
    const url = path
      // Of all actions there is no list any more.
      .replace(/^\/actions$/, "/actions?id=1")
      .replace("{id}", String(ids[path.split("/")[1] ?? ""] ?? 1))
      .replace("{id_or_name}", zone)
      .replace("{rr_name}/{rr_type}", "@/NS")
      .replace("{action_id}", "1");
    const body = method === "POST" || method === "PUT" ? {} : undefined;
    const answer = await things.cloud.request(method, url, body);
    // So that nothing is locked by what was asked for before.
    if (answer.body.action && answer.status < 300) await things.cloud.finished(answer.body.action);
    const { code = "" } = answer.body.error ?? {};
    if (status.startsWith("refused") || refusals.has(code)) {
      found.push(`${endpoint}: refused: ${answer.status} ${code}`);
    }
  }
  const told = endpoints.filter(([, status]) => status.startsWith("refused"));
  expect(found).toEqual(told.map(([endpoint, status]) => `${endpoint}: ${status}`));
  await things.cloud.close();
});
