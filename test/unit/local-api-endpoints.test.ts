import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { realEndpoints } from "../conformance/endpoints.js";
import { TestCloud } from "./local-api-client.js";

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

test("what it calls refused is refused with that code, and nothing else is", async () => {
  const server = await cloud.server();
  await cloud.post("/zones", { name: "refused.example", mode: "primary" });
  for (const [endpoint, status] of table()) {
    if (!status.startsWith("refused") || endpoint.startsWith("POST /certificates")) continue;
    const [method = "", path = ""] = endpoint.split(" ");
    const url = path.replace("{id}", String(server.id)).replace("{id_or_name}", "refused.example");
    const answer = await cloud.request(
      method === "GET" ? "GET" : "POST",
      url,
      method === "GET" ? undefined : {},
    );
    expect(`${endpoint}: refused: ${answer.status} ${answer.body.error?.code}`).toBe(
      `${endpoint}: ${status}`,
    );
  }
});
