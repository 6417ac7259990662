import * as fc from "fast-check";
import { pino } from "pino";
import { startCloud } from "../../local/api/start.js";
import { State } from "../../local/state/database.js";
import { MemoryHost } from "../unit/local-api-host.js";
import { publicKey } from "../unit/local-api-client.js";

/** What a route takes, as TypeBox (JSON Schema) states it. */
interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  enum?: Json[];
  const?: Json;
  minimum?: number;
  maximum?: number;
}

export interface Route {
  method: "GET" | "POST" | "PUT" | "DELETE";
  /** e.g. "/servers/:id/actions/reset" */
  path: string;
  body?: Schema | undefined;
}

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** Ids that exist, by what they are: "servers", "networks", … */
export type Ids = Readonly<Record<string, readonly number[]>>;

export interface ApiRequest {
  method: Route["method"];
  path: string;
  /** Of a body: what is sent, which need not be JSON. */
  text?: string;
}

const methods = ["GET", "POST", "PUT", "DELETE"] as const;

/** Every route of the API, with the schema that its requests are checked against. */
export async function apiRoutes(): Promise<Route[]> {
  const routes: Route[] = [];
  const cloud = await startCloud({
    host: new MemoryHost(),
    state: new State(":memory:"),
    slot: 0,
    token: "x".repeat(64),
    logger: pino({ level: "silent" }),
    listen: (app) => {
      app.addHook("onRoute", ({ method, url, schema }) => {
        for (const known of methods) {
          if (![method].flat().includes(known) || schema === undefined || !url.startsWith("/v1/")) continue;
          // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our schemas are TypeBox's
          routes.push({
            method: known,
            path: url.slice("/v1".length),
            body: schema.body as Schema | undefined,
          });
        }
      });
      return Promise.resolve();
    },
  });
  await cloud.close();
  return routes;
}

/** What fits a field of that name, so that some requests get past the first checks. */
const fitting: Record<string, fc.Arbitrary<Json>> = {
  name: fc.nat(60).map((number) => `fuzz-${number}`),
  location: fc.constantFrom("fsn1", "fsn1", "nbg1", "ash"),
  home_location: fc.constantFrom("fsn1", "nbg1"),
  server_type: fc.constantFrom("local-512", "cx23"),
  load_balancer_type: fc.constantFrom("lb11", "lb21"),
  image: fc.constant("debian-12"),
  network_zone: fc.constantFrom("eu-central", "us-east"),
  ip_range: fc.constantFrom("10.0.0.0/16", "10.0.0.0/24", "10.0.1.0/24", "10.0.0.0/8", "10.0.0.1/24"),
  destination: fc.constantFrom("10.100.0.0/16", "0.0.0.0/0", "10.0.0.0/16"),
  gateway: fc.constantFrom("10.0.0.2", "10.0.0.3", "10.0.0.1"),
  ip: fc.constantFrom("10.0.0.5", "10.0.0.6", "10.0.1.5", "203.0.113.9", "2001:db8::1"),
  alias_ips: fc.constantFrom<Json[]>([], ["10.0.0.50"], ["10.0.0.51", "10.0.0.52"]),
  selector: fc.constantFrom("app", "app=web", "!app", "app in (web,db)"),
  labels: fc.constantFrom<Json[]>({}, { app: "web" }, { app: "db", "a.example/b": "" }),
  source_ips: fc.constantFrom<Json[]>(["0.0.0.0/0", "::/0"], ["10.0.0.0/8"], []),
  destination_ips: fc.constantFrom<Json[]>([], ["0.0.0.0/0"]),
  port: fc.constantFrom<Json[]>("22", "80-85", "any", null, 80, 443),
  user_data: fc.constantFrom("", "#cloud-config\n{}\n"),
  ssh_keys: fc.constant<Json>([]),
  size: fc.integer({ min: 10, max: 40 }),
  public_key: fc.nat(200).map(publicKey),
  cookie_name: fc.constant("C"),
  dns_ptr: fc.constantFrom("a.example", "b.example"),
  assignee_type: fc.constant("server"),
  delete: fc.constant(false),
  rebuild: fc.constant(false),
};

/** Which kind of thing a field of that name means. */
const referring: Record<string, string> = {
  network: "networks",
  networks: "networks",
  server: "servers",
  volumes: "volumes",
  firewall: "firewalls",
  assignee_id: "servers",
  placement_group: "placement_groups",
  certificates: "certificates",
  ipv4: "primary_ips",
  ipv6: "primary_ips",
};

/** Values that a schema allows, and that mostly mean something that exists. @param name of the field */
function valueOf(schema: Schema, ids: Ids, name: string): fc.Arbitrary<Json> {
  const kind = referring[name];
  if (kind !== undefined && (schema.type === "integer" || schema.anyOf !== undefined)) {
    const known = ids[kind] ?? [];
    if (known.length > 0 && schema.anyOf?.every(({ type }) => type !== "object") !== false)
      return fc.constantFrom<Json[]>(...known);
  }
  const fits = fitting[name];
  if (fits !== undefined) return fits;
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map((each) => valueOf(each, ids, name)));
  if (schema.type === "array") {
    const known = ids[kind ?? ""] ?? [];
    if (known.length > 0) return fc.subarray<Json>([...known], { maxLength: Math.min(2, known.length) });
    return fc.array(valueOf(schema.items ?? {}, ids, name), { maxLength: 2 });
  }
  if (schema.type === "object" || schema.properties !== undefined) {
    const fields = Object.entries(schema.properties ?? {}).map(
      ([key, part]) => [key, valueOf(part, ids, key)] as const,
    );
    return fc.record<Record<string, Json>>(Object.fromEntries(fields), {
      requiredKeys: schema.required ?? [],
    });
  }
  if (schema.type === "integer" || schema.type === "number") {
    const min = schema.minimum ?? 0;
    return fc.integer({ min, max: Math.min(schema.maximum ?? 1000, Math.max(min, 70_000)) });
  }
  if (schema.type === "boolean") return fc.boolean();
  if (schema.type === "null") return fc.constant(null);
  return fc.string({ maxLength: 12 });
}

/** Wrong in every way that a field can be. */
export const junk: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json[]>("", null, 0, -1, 1, 1.5, 2 ** 60, -(2 ** 53), 1e308, true, [], {}, [[]]),
  fc.constantFrom<Json[]>("10.0.0.0/8", "255.255.255.255", "::/0", "a".repeat(300), "ünïcode 名前", "\u0000"),
  fc.constantFrom<Json[]>(
    "'; DROP TABLE servers",
    "__proto__",
    "constructor",
    "../../etc/passwd",
    "$(reboot)",
  ),
  fc.string({ unit: "grapheme", maxLength: 8 }),
  fc.array(fc.constantFrom("a", 1, null), { maxLength: 3 }),
);

/** Replaces, removes or adds what `choices` point at, deep in the body. */
export function spoil(body: Json, choices: readonly { at: number; how: number; by: Json }[]): Json {
  const copy = structuredClone(body);
  for (const { at, how, by: junkValue } of choices) {
    const by = structuredClone(junkValue);
    const places: (() => void)[] = [];
    const visit = (node: Json): void => {
      if (typeof node !== "object" || node === null) return;
      for (const key of Object.keys(node)) {
        places.push(() => {
          if (Array.isArray(node)) node[Number(key)] = by;
          else if (how === 0) delete node[key];
          else if (how === 1) node[`${key}x`] = by;
          else node[key] = by;
        });
        visit(Array.isArray(node) ? (node[Number(key)] ?? null) : (node[key] ?? null));
      }
    };
    visit(copy);
    places[at % Math.max(1, places.length)]?.();
  }
  return copy;
}

export const spoiling = fc.record({ at: fc.nat(1000), how: fc.nat(5), by: junk });

const strangeId = fc.constantFrom(
  "0",
  "-1",
  "1",
  "99999999999",
  "9007199254740993",
  "1e3",
  "0x1",
  "abc",
  "%00",
  "%F0%9F%90%98",
  "..%2F..",
);

const notJson = fc.constantFrom(
  "{",
  "null",
  "[1",
  '"',
  "{}}",
  "\u0000",
  "[".repeat(5000),
  '{"a":1e999}',
  "\uD800",
  "{'name': 1}",
);

/** A request to one of the routes: right, nearly right or not at all. */
export function requestTo(routes: readonly Route[], ids: Ids): fc.Arbitrary<ApiRequest> {
  return fc.constantFrom(...routes).chain((route) => {
    const kind = route.path.split("/")[1] ?? "";
    const known = ids[kind] ?? [];
    const id = fc.oneof(
      {
        weight: known.length > 0 ? 9 : 0,
        arbitrary: fc.constantFrom(...(known.length > 0 ? known : [1])).map(String),
      },
      { weight: 1, arbitrary: strangeId },
    );
    const path = id.map((chosen) => route.path.replace(/:[a-z_]+/, chosen));
    if (route.method === "GET" || route.method === "DELETE")
      return path.map((text) => ({ method: route.method, path: text }));
    const right = valueOf(route.body ?? {}, ids, "body").map((value) =>
      typeof value === "object" ? value : {},
    );
    const spoilt = fc.tuple(right, fc.array(spoiling, { minLength: 1, maxLength: 3 }));
    const text = fc.oneof(
      { weight: 12, arbitrary: right.map((body) => JSON.stringify(body)) },
      { weight: 7, arbitrary: spoilt.map(([body, choices]) => JSON.stringify(spoil(body, choices))) },
      { weight: 1, arbitrary: notJson },
    );
    return fc.tuple(path, text).map(([to, body]) => ({ method: route.method, path: to, text: body }));
  });
}
