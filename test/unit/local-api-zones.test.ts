import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { reverseName } from "../../local/api/name-jobs.js";
import { wrongWith, type RecordType } from "../../local/api/zone-records.js";
import { nextSerial } from "../../local/api/zone-rows.js";
import { problem, type TestCloud } from "./local-api-client.js";
import { TestZones } from "./local-api-test-zones.js";

let zones: TestZones;
let cloud: TestCloud;
beforeAll(async () => {
  zones = await TestZones.start();
  cloud = zones.cloud;
});
afterAll(() => cloud.close());

const act = async (path: string, body: object) => {
  const answer = await cloud.post(path, body);
  if (answer.body.action) await cloud.finished(answer.body.action);
  return answer;
};

describe("a zone", () => {
  test("has its name servers and SOA from the start, and is found by id and name", async () => {
    const zone = await zones.make("shop.example", { labels: { app: "shop" }, ttl: 600 });
    expect(zone).toMatchObject({ mode: "primary", ttl: 600, record_count: 4, registrar: "other" });
    const { rrsets } = (await cloud.get("/zones/shop.example/rrsets?sort=name&per_page=100")).body;
    expect(rrsets?.map(({ id }) => id)).toEqual(["@/NS", "@/SOA"]);
    for (const key of [zone?.id, "shop.example"])
      expect((await cloud.get(`/zones/${key}`)).body.zone?.name).toBe("shop.example");
    expect((await cloud.get("/zones?name=shop.example&mode=primary")).body.zones).toHaveLength(1);
    expect((await cloud.get("/zones?mode=secondary")).body.zones).toEqual([]);
    expect(zones.linesOf("shop.example").slice(0, 2)).toEqual(["$ORIGIN shop.example.", "$TTL 600"]);
    expect(problem(await cloud.post("/zones", { name: "shop.example", mode: "primary" }))).toBe(
      "409 uniqueness_error: name",
    );
    expect((await cloud.put("/zones/shop.example", { labels: {} })).body.zone?.labels).toEqual({});
    const { actions } = (await cloud.get("/zones/shop.example/actions")).body;
    expect(actions?.map(({ command }) => command)).toEqual(["create_zone"]);
    expect((await cloud.get(`/zones/${zone?.id}/actions/${actions?.[0]?.id}`)).status).toBe(200);
    expect(problem(await cloud.get("/zones/none.example/actions"))).toBe("404 not_found");
  });

  test.each(["Shop.example", "shop", "shop.example.", "-a.example", "a b.example", "a..example"])(
    "is not called %s",
    async (name) => {
      expect(problem(await cloud.post("/zones", { name, mode: "primary" }))).toBe("422 invalid_input: name");
    },
  );

  test("in secondary mode is refused", async () => {
    const secondary = {
      name: "second.example",
      mode: "secondary",
      primary_nameservers: [{ address: "1.2.3.4" }],
    };
    expect(problem(await cloud.post("/zones", secondary))).toBe("422 unsupported_error");
    await zones.make("first.example");
    expect(problem(await cloud.post("/zones/first.example/actions/change_primary_nameservers", {}))).toBe(
      "422 incorrect_zone_mode",
    );
  });

  test("is protected, changed and deleted with all it has", async () => {
    const zone = await zones.make("gone.example");
    const serial = zones.fileOf("gone.example")?.serial ?? 0;
    await act(`/zones/${zone?.id}/actions/change_ttl`, { ttl: 86_400 });
    expect(zones.linesOf("gone.example")[1]).toBe("$TTL 86400");
    expect(zones.fileOf("gone.example")?.serial).toBe(serial + 1);
    await act("/zones/gone.example/actions/change_protection", { delete: true });
    expect(problem(await cloud.delete("/zones/gone.example"))).toBe("423 protected");
    await act("/zones/gone.example/actions/change_protection", { delete: false });
    await cloud.finished((await cloud.delete("/zones/gone.example")).body.action);
    expect(problem(await cloud.get("/zones/gone.example"))).toBe("404 not_found");
    expect(zones.fileOf("gone.example")).toBeUndefined();
  });

  test("that the name server does not take is none, and a change that it does not take is undone", async () => {
    cloud.host.failing.add("names.set");
    const made = await cloud.post("/zones", { name: "refused.example", mode: "primary" });
    expect((await cloud.finished(made.body.action)).status).toBe("error");
    expect(problem(await cloud.get("/zones/refused.example"))).toBe("404 not_found");
    cloud.host.failing.clear();
    await zones.make("kept.example");
    cloud.host.failing.add("names.set");
    const record = { name: "www", type: "A", records: [{ value: "203.0.113.1" }] };
    const added = await cloud.post("/zones/kept.example/rrsets", record);
    expect((await cloud.finished(added.body.action)).error?.message).toContain("names.set failed");
    const deleted = await cloud.delete("/zones/kept.example");
    expect((await cloud.finished(deleted.body.action)).status).toBe("error");
    cloud.host.failing.clear();
    expect((await cloud.get("/zones/kept.example")).body.zone?.record_count).toBe(4);
    expect(problem(await cloud.get("/zones/kept.example/rrsets/www/A"))).toBe("404 not_found");
  });
});

describe("record sets", () => {
  const base = "/zones/sets.example/rrsets";
  beforeAll(async () => {
    await zones.make("sets.example");
  });

  test("are made, changed, protected and deleted; the serial counts", async () => {
    const before = zones.fileOf("sets.example")?.serial ?? 0;
    const www = { name: "www", type: "A", ttl: 60, labels: { a: "b" }, records: [{ value: "203.0.113.9" }] };
    const { body } = await act(base, www);
    expect(body.rrset).toMatchObject({ id: "www/A", ttl: 60, protection: { change: false } });
    expect(problem(await cloud.post(base, www))).toBe("409 uniqueness_error: name and type");
    const path = `${base}/www/A`;
    await act(`${path}/actions/add_records`, { records: [{ value: "203.0.113.10", comment: "second" }] });
    await act(`${path}/actions/update_records`, { records: [{ value: "203.0.113.9", comment: "first" }] });
    expect((await cloud.get(path)).body.rrset?.records).toEqual([
      { value: "203.0.113.9", comment: "first" },
      { value: "203.0.113.10", comment: "second" },
    ]);
    await act(`${path}/actions/change_ttl`, { ttl: null });
    expect(zones.linesOf("sets.example")).toContain("www\t3600\tIN\tA\t203.0.113.10");
    await act(`${path}/actions/remove_records`, { records: [{ value: "203.0.113.9" }] });
    await act(`${path}/actions/change_protection`, { change: true });
    for (const answer of [
      await cloud.delete(path),
      await cloud.post(`${path}/actions/set_records`, { records: [{ value: "203.0.113.1" }] }),
      await cloud.post(`${path}/actions/change_ttl`, { ttl: 60 }),
      await cloud.post("/zones/sets.example/actions/import_zonefile", { zonefile: "@ 60 IN A 1.2.3.4" }),
    ])
      expect(problem(answer)).toBe("423 protected");
    await act(`${path}/actions/change_protection`, { change: false });
    await act(`${path}/actions/set_records`, { records: [{ value: "203.0.113.1" }] });
    expect(zones.fileOf("sets.example")?.serial).toBe(before + 6);
    // The last record takes its set with it; adding one makes the set anew.
    await act(`${path}/actions/remove_records`, { records: [{ value: "203.0.113.1" }] });
    expect(problem(await cloud.get(path))).toBe("404 not_found");
    await act(`${path}/actions/add_records`, { ttl: 120, records: [{ value: "203.0.113.2" }] });
    expect((await cloud.get(path)).body.rrset?.ttl).toBe(120);
    await cloud.finished((await cloud.delete(path)).body.action);
    expect(problem(await cloud.get(path))).toBe("404 not_found");
    const { actions } = (await cloud.get("/zones/sets.example/actions?sort=id:desc")).body;
    expect(actions?.[0]).toMatchObject({ command: "delete_rrset", status: "success" });
  });

  test("the serial of the SOA record is the cloud's own", async () => {
    const path = `${base}/@/SOA`;
    const value = "hydrogen.ns.hetzner.com. dns.hetzner.com. 0 86400 10800 3600000 600";
    await act(`${path}/actions/set_records`, { records: [{ value }] });
    const [record] = (await cloud.get(path)).body.rrset?.records ?? [];
    const serial = zones.fileOf("sets.example")?.serial;
    expect(record?.value).toBe(value.replace(" 0 ", ` ${serial} `));
    expect(problem(await cloud.delete(path))).toBe("422 invalid_input: rr_type");
    expect(problem(await cloud.delete(`${base}/@/NS`))).toBe("422 invalid_input: rr_type");
  });

  test.each([
    [{ name: "WWW", type: "A", records: [{ value: "1.2.3.4" }] }, "422 invalid_input: name"],
    [{ name: "www.sets.example", type: "A", records: [{ value: "1.2.3.4" }] }, "422 invalid_input: name"],
    [{ name: "a.*.b", type: "A", records: [{ value: "1.2.3.4" }] }, "422 invalid_input: name"],
    [{ name: "x", type: "LOC", records: [{ value: "1.2.3.4" }] }, "422 invalid_input: type"],
    [{ name: "x", type: "A", records: [] }, "422 invalid_input: records"],
    [{ name: "x", type: "A", ttl: 5, records: [{ value: "1.2.3.4" }] }, "422 invalid_input: ttl"],
    [
      { name: "x", type: "A", records: [{ value: "1.2.3" }, { value: "::1" }] },
      "422 invalid_input: records.0.value, records.1.value",
    ],
    [
      { name: "x", type: "A", records: [{ value: "1.2.3.4" }, { value: "1.2.3.4" }] },
      "422 invalid_input: records",
    ],
    [{ name: "x", type: "CNAME", records: [{ value: "a" }, { value: "b" }] }, "422 invalid_input: records"],
    [{ name: "@", type: "CNAME", records: [{ value: "a" }] }, "422 invalid_input: type"],
    [{ name: "x", type: "SOA", records: [{ value: "a. b. 0 1 1 1 1" }] }, "422 invalid_input: type"],
    [{ name: "x", type: "TXT", records: [{ value: "no quotes" }] }, "422 invalid_input: records.0.value"],
    [
      { name: "x", type: "A", records: [{ value: "1.2.3.4", comment: "a\nb" }] },
      "422 invalid_input: records.0.comment",
    ],
  ])("%j is refused", async (body, expected) => {
    const before = zones.fileOf("sets.example")?.text;
    expect(problem(await cloud.post(base, body))).toBe(expected);
    expect(zones.fileOf("sets.example")?.text).toBe(before);
  });

  test("of records that are not there nothing is removed", async () => {
    const missing = { records: [{ value: "1.2.3.4" }] };
    expect(problem(await cloud.post(`${base}/none/A/actions/remove_records`, missing))).toBe("404 not_found");
    expect(
      problem(await cloud.post(`${base}/@/NS/actions/remove_records`, { records: [{ value: "ns." }] })),
    ).toBe("422 invalid_input: records.0.value");
  });
});

test.each<[RecordType, string, boolean]>([
  ["AAAA", "2001:db8::1", true],
  ["AAAA", "203.0.113.1", false],
  ["MX", "10 mail.example.", true],
  ["MX", "mail.example.", false],
  ["MX", "70000 mail.example.", false],
  ["CAA", '0 issue "letsencrypt.org"', true],
  ["CAA", "0 issue letsencrypt.org", false],
  ["TXT", '"a" "b"', true],
  ["TXT", `"${"a".repeat(256)}"`, false],
  ["TXT", '"open', false],
  ["TXT", '"a"\n"b"', false],
  ["TXT", '"quoted \\" ; ( )"', true],
  ["SRV", "0 5 443 direct.example.", true],
  ["HTTPS", "1 . alpn=h2,h3 ipv4hint=203.0.113.1", true],
  ["HTTPS", "1", false],
  ["SVCB", "0 svc.example.", true],
  ["TLSA", "3 1 1 0aff", true],
  ["TLSA", "3 1 1 0af", false],
  ["DS", "12345 13 2 ABCDEF01", true],
  ["RP", "admin.example. .", true],
  ["HINFO", '"PC" "Linux"', true],
  ["CNAME", "target.example. ; a comment", false],
  ["CNAME", "a b", false],
  ["PTR", "under_score.example.", true],
])("%s %s: %s", (type, value, fine) => {
  expect(wrongWith(type, value) === undefined).toBe(fine);
});

test("names of addresses, and serials", () => {
  expect(reverseName("203.0.113.5")).toBe("5.113.0.203.in-addr.arpa");
  expect(reverseName("2001:db8:1::7")).toBe(
    "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
  );
  const day = new Date("2026-03-05T10:00:00Z");
  expect(nextSerial(0, day)).toBe(2_026_030_500);
  expect(nextSerial(2_026_030_500, day)).toBe(2_026_030_501);
  expect(nextSerial(2_026_030_599, day)).toBe(2_026_030_600);
});
