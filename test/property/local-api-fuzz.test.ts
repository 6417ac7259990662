import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { publicKey, TestCloud } from "../unit/local-api-client.js";

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

let cloud: TestCloud;
/** Ids that exist, by what they are; texts of the templates below name them. */
const ids: Record<string, number> = {};
beforeAll(async () => {
  cloud = await TestCloud.start({ rateLimit: 10_000_000 });
  const zoned = [{ type: "cloud", network_zone: "eu-central" }];
  ids["key"] =
    (await cloud.post("/ssh_keys", { name: "key", public_key: publicKey(1) })).body.ssh_key?.id ?? 0;
  ids["net"] =
    (await cloud.post("/networks", { name: "net", ip_range: "10.0.0.0/16", subnets: zoned })).body.network
      ?.id ?? 0;
  ids["fw"] = (await cloud.post("/firewalls", { name: "fw" })).body.firewall?.id ?? 0;
  const ip = { name: "ip", type: "ipv4", location: "fsn1" };
  ids["ip"] = (await cloud.post("/primary_ips", ip)).body.primary_ip?.id ?? 0;
  ids["group"] =
    (await cloud.post("/placement_groups", { name: "group", type: "spread" })).body.placement_group?.id ?? 0;
  const volume = { name: "vol", size: 10, location: "fsn1" };
  ids["vol"] = (await cloud.post("/volumes", volume)).body.volume?.id ?? 0;
  const floating = { type: "ipv4", home_location: "fsn1" };
  ids["float"] = (await cloud.post("/floating_ips", floating)).body.floating_ip?.id ?? 0;
  const balancer = { name: "lb", load_balancer_type: "lb11", location: "fsn1" };
  ids["lb"] = (await cloud.post("/load_balancers", balancer)).body.load_balancer?.id ?? 0;
  ids["on"] = (await cloud.server({ name: "on" })).id;
  ids["off"] = (await cloud.server({ name: "off", start_after_create: false })).id;
});
afterAll(() => cloud.close());

const rule = { direction: "in", protocol: "tcp", port: "22", source_ips: ["0.0.0.0/0"], description: "x" };
const target = [
  { type: "server", server: { id: "$on" } },
  { type: "label_selector", label_selector: { selector: "a" } },
];
const service = {
  protocol: "http",
  listen_port: 80,
  destination_port: 80,
  proxyprotocol: false,
  http: { sticky_sessions: true, cookie_name: "C", certificates: [], timeout_idle: 60 },
  health_check: {
    protocol: "http",
    port: 80,
    interval: 5,
    timeout: 3,
    retries: 2,
    http: { domain: "a.example", path: "/", response: "ok", status_codes: ["2??"], tls: false },
  },
};
const route = { destination: "10.100.0.0/16", gateway: "10.0.0.9" };

/** Requests that are right, or nearly. */
const templates: [method: "POST" | "PUT", path: string, body: Json][] = [
  ["POST", "/ssh_keys", { name: "new", public_key: publicKey(2), labels: { a: "b" } }],
  ["PUT", "/ssh_keys/$key", { name: "key", labels: { a: "b" } }],
  ["POST", "/placement_groups", { name: "new", type: "spread" }],
  ["PUT", "/placement_groups/$group", { name: "group" }],
  [
    "POST",
    "/networks",
    {
      name: "new",
      ip_range: "10.0.0.0/8",
      subnets: [{ type: "cloud", network_zone: "us-east" }],
      routes: [route],
    },
  ],
  ["PUT", "/networks/$net", { name: "net", labels: {}, expose_routes_to_vswitch: true }],
  [
    "POST",
    "/networks/$net/actions/add_subnet",
    { type: "cloud", network_zone: "us-west", ip_range: "10.0.7.0/24" },
  ],
  ["POST", "/networks/$net/actions/delete_subnet", { ip_range: "10.0.7.0/24" }],
  ["POST", "/networks/$net/actions/add_route", route],
  ["POST", "/networks/$net/actions/delete_route", route],
  ["POST", "/networks/$net/actions/change_ip_range", { ip_range: "10.0.0.0/16" }],
  ["POST", "/firewalls", { name: "new", rules: [rule], apply_to: target }],
  ["POST", "/firewalls/$fw/actions/set_rules", { rules: [rule, { ...rule, direction: "out" }] }],
  ["POST", "/firewalls/$fw/actions/apply_to_resources", { apply_to: target }],
  ["POST", "/firewalls/$fw/actions/remove_from_resources", { remove_from: target }],
  ["POST", "/primary_ips", { name: "new", type: "ipv6", location: "nbg1", auto_delete: true }],
  ["PUT", "/primary_ips/$ip", { name: "ip", auto_delete: true, labels: {} }],
  ["POST", "/primary_ips/$ip/actions/assign", { assignee_id: "$off", assignee_type: "server" }],
  ["POST", "/primary_ips/$ip/actions/unassign", {}],
  ["POST", "/primary_ips/$ip/actions/change_dns_ptr", { ip: "203.0.113.10", dns_ptr: "a.example" }],
  [
    "POST",
    "/servers",
    {
      name: "new",
      server_type: "local-512",
      image: "debian-12",
      location: "fsn1",
      ssh_keys: ["key"],
      user_data: "",
      networks: ["$net"],
      firewalls: [{ firewall: "$fw" }],
      placement_group: "$group",
      labels: { a: "" },
      public_net: { enable_ipv4: true, ipv4: "$ip", enable_ipv6: false },
      start_after_create: false,
    },
  ],
  ["PUT", "/servers/$on", { name: "on", labels: { a: "b" } }],
  [
    "POST",
    "/servers/$on/actions/attach_to_network",
    { network: "$net", ip: "10.0.0.5", alias_ips: ["10.0.0.6"] },
  ],
  ["POST", "/servers/$on/actions/change_alias_ips", { network: "$net", alias_ips: ["10.0.0.7"] }],
  ["POST", "/servers/$on/actions/detach_from_network", { network: "$net" }],
  ["POST", "/servers/$off/actions/change_type", { server_type: "cx23", upgrade_disk: true }],
  ["POST", "/servers/$off/actions/poweroff", {}],
  ["POST", "/servers/$off/actions/add_to_placement_group", { placement_group: "$group" }],
  ["POST", "/servers/$off/actions/rebuild", { image: "debian-12" }],
  ["POST", "/servers/$on/actions/change_protection", { delete: true, rebuild: true }],
  ["POST", "/volumes", { name: "new", size: 10, location: "fsn1", format: "ext4", labels: { a: "b" } }],
  ["POST", "/volumes/$vol/actions/attach", { server: "$on", automount: true }],
  ["POST", "/volumes/$vol/actions/detach", {}],
  ["POST", "/volumes/$vol/actions/resize", { size: 20 }],
  ["POST", "/floating_ips", { type: "ipv6", home_location: "fsn1", description: "x", labels: {} }],
  ["POST", "/floating_ips/$float/actions/assign", { server: "$on" }],
  ["POST", "/floating_ips/$float/actions/unassign", {}],
  ["PUT", "/floating_ips/$float", { name: "float", description: "y" }],
  [
    "POST",
    "/load_balancers",
    {
      name: "new",
      load_balancer_type: "lb11",
      location: "fsn1",
      network: "$net",
      algorithm: { type: "round_robin" },
      services: [service],
      targets: [{ type: "server", server: { id: "$on" } }],
    },
  ],
  ["POST", "/load_balancers/$lb/actions/add_service", service],
  ["POST", "/load_balancers/$lb/actions/update_service", { listen_port: 80, http: { timeout_idle: 30 } }],
  ["POST", "/load_balancers/$lb/actions/delete_service", { listen_port: 80 }],
  [
    "POST",
    "/load_balancers/$lb/actions/add_target",
    { type: "label_selector", label_selector: { selector: "a" } },
  ],
  ["POST", "/load_balancers/$lb/actions/remove_target", { type: "server", server: { id: "$on" } }],
  ["POST", "/load_balancers/$lb/actions/attach_to_network", { network: "$net", ip: "10.0.0.9" }],
  ["POST", "/load_balancers/$lb/actions/change_type", { load_balancer_type: "lb21" }],
  ["POST", "/servers/$on/actions/create_image", { type: "snapshot", description: "x", labels: { a: "b" } }],
  ["POST", "/servers/$on/actions/enable_backup", {}],
  ["PUT", "/images/$on", { description: "x", labels: {} }],
  [
    "POST",
    "/zones",
    {
      name: "new.example",
      mode: "primary",
      ttl: 600,
      labels: {},
      rrsets: [{ name: "www", type: "A", ttl: 60, records: [{ value: "203.0.113.1", comment: "x" }] }],
    },
  ],
  ["POST", "/zones", { name: "file.example", mode: "primary", zonefile: "www 60 IN A 203.0.113.1" }],
  ["POST", "/zones/new.example/rrsets", { name: "@", type: "TXT", records: [{ value: '"text"' }] }],
  ["POST", "/zones/new.example/rrsets/www/A/actions/set_records", { records: [{ value: "203.0.113.2" }] }],
  ["POST", "/zones/new.example/rrsets/www/A/actions/add_records", { records: [{ value: "203.0.113.3" }] }],
  ["POST", "/zones/new.example/rrsets/www/A/actions/remove_records", { records: [{ value: "203.0.113.3" }] }],
  ["POST", "/zones/new.example/actions/import_zonefile", { zonefile: "www 60 IN A 203.0.113.1" }],
  ["POST", "/certificates", { name: "new", type: "uploaded", certificate: "x", private_key: "y" }],
];

const junk: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json[]>(
    "",
    null,
    0,
    -1,
    1,
    1.5,
    2 ** 60,
    true,
    [],
    {},
    [[]],
    "10.0.0.0/8",
    "255.255.255.255",
    "::/0",
  ),
  fc.constantFrom<Json[]>(
    "a".repeat(300),
    "ünïcode",
    "\u0000",
    "'; DROP TABLE servers",
    "__proto__",
    "$on",
    "$net",
  ),
  fc.string({ unit: "grapheme", maxLength: 8 }),
  fc.array(fc.constantFrom("a", 1, null), { maxLength: 3 }),
);

/** Replaces, removes or adds what `choices` point at, deep in the body. */
function spoil(body: Json, choices: readonly { at: number; how: number; by: Json }[]): Json {
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

const filled = (text: string): string =>
  text.replaceAll(/"?\$([a-z]+)"?/g, (whole, name: string) => (name in ids ? String(ids[name]) : whole));

const choice = fc.record({ at: fc.nat(1000), how: fc.nat(5), by: junk });

test("whatever is asked, the answer is a proper one", async () => {
  const seen = new Set<number>();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...templates),
      fc.array(choice, { maxLength: 3 }),
      async ([method, path, body], choices) => {
        const text = filled(JSON.stringify(spoil(body, choices)));
        const answer = await cloud.request(method, filled(path), text);
        seen.add(answer.status);
        expect(answer.status).toBeLessThan(500);
        expect(answer.body.error === undefined).toBe(answer.status < 400);
      },
    ),
    { numRuns: 2000 },
  );
  for (const list of [
    "servers",
    "networks",
    "firewalls",
    "primary_ips",
    "ssh_keys",
    "placement_groups",
    "volumes",
    "floating_ips",
    "load_balancers",
    "certificates",
    "images",
    "zones",
  ]) {
    expect((await cloud.get(`/${list}?per_page=50`)).status).toBe(200);
  }
  // The fuzzing reaches what it should: changes that are made as well as every kind of refusal.
  expect([...seen]).toEqual(expect.arrayContaining([200, 201, 404, 409, 422]));
}, 60_000);

test("whatever is asked of a list, the answer is a proper one", async () => {
  const query = fc.dictionary(
    fc.constantFrom("page", "per_page", "sort", "name", "label_selector", "status", "id", "ip", "type"),
    fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 8 }),
      fc.constantFrom("1", "id:desc", "a=b", "running", "2", "0", "99999999999999999999"),
    ),
    { maxKeys: 4 },
  );
  const lists = fc.constantFrom(
    "servers",
    "networks",
    "primary_ips",
    "actions",
    "servers/actions",
    "images",
    "locations",
  );
  await fc.assert(
    fc.asyncProperty(lists, query, async (list, parameters) => {
      const { status, body: answer } = await cloud.get(
        `/${list}?${new URLSearchParams(parameters).toString()}`,
      );
      expect(status).toBeLessThan(500);
      expect(answer.error === undefined).toBe(status === 200);
    }),
    { numRuns: 1000 },
  );
}, 60_000);
