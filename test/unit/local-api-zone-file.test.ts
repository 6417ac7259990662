import { afterAll, beforeAll, expect, test } from "vitest";
import { problem, type TestCloud } from "./local-api-client.js";
import { TestZones } from "./local-api-test-zones.js";

/** Zone files that are imported, and given out. */
let zones: TestZones;
let cloud: TestCloud;
beforeAll(async () => {
  zones = await TestZones.start();
  cloud = zones.cloud;
});
afterAll(() => cloud.close());

const text = `$ORIGIN files.example.
$TTL 300
@ IN SOA ns1.files.example. admin.files.example. (
  7 3600 600 86400 60 )
@ IN NS ns1
ns1 IN A 203.0.113.3
*.wild 600 IN A 203.0.113.4 ; for all
www IN CNAME @
@ IN MX 10 mail.files.example.
@ IN TXT "v=spf1; -all" "second"
_sip._tcp IN SRV 1 2 5060 sip.files.example.
`;

test("a zone file fills a new zone and is given out again", async () => {
  const zone = await zones.make("files.example", { zonefile: text });
  expect(zone?.record_count).toBe(8);
  const value = async (path: string) =>
    (await cloud.get(`/zones/files.example/rrsets/${path}`)).body.rrset?.records;
  expect(await value("@/TXT")).toEqual([{ value: '"v=spf1; -all" "second"' }]);
  expect(await value("*.wild/A")).toEqual([{ value: "203.0.113.4", comment: "for all" }]);
  expect((await value("@/SOA"))?.[0]?.value).toMatch(
    /^ns1\.files\.example\. admin\.files\.example\. 20\d{8} 3600 600 86400 60$/,
  );
  const exported = String((await cloud.get("/zones/files.example/zonefile")).body["zonefile"]);
  expect(exported).toContain("*.wild\t600\tIN\tA\t203.0.113.4 ; for all");
  const imported = await cloud.post("/zones/files.example/actions/import_zonefile", { zonefile: exported });
  await cloud.finished(imported.body.action);
  const again = String((await cloud.get("/zones/files.example/zonefile")).body["zonefile"]);
  const plain = (one: string) =>
    one
      .replace(/\b20\d{8}\b/, "serial")
      .split("\n")
      .sort();
  expect(plain(again)).toEqual(plain(exported));
});

test("a zone file is read as name servers read it: origins, TTLs, classes, names of before, parentheses", async () => {
  const zonefile = [
    "$TTL 1h30m",
    "@\tIN SOA ns1 admin ( 7 ; serial",
    '  3600 600 ; "a text" that does not end, (and a parenthesis',
    "  86400 60 )",
    "  IN NS ns1",
    "  NS ns2.other.example.",
    "NS1 A 203.0.113.3",
    "5 IN 1d PTR ns1",
    "6 120 IN PTR ns1",
    "7 PTR ns1",
    "$ORIGIN shops",
    "@ MX 10 mail",
    "a 300 CNAME @",
    'b TXT "; (" "c" ; one\twho says it',
    "$origin read.example.",
    "whole.read.example. 60 A 203.0.113.4\r",
  ].join("\n");
  await zones.make("read.example", { zonefile });
  const lines = zones.linesOf("read.example").filter((line) => !line.startsWith("$") && line !== "");
  const serial = zones.fileOf("read.example")?.serial;
  expect(lines.map((line) => line.replaceAll("\t", " ")).toSorted()).toEqual(
    [
      `@ 5400 IN SOA ns1 admin ${serial} 3600 600 86400 60`,
      "@ 5400 IN NS ns1",
      "@ 5400 IN NS ns2.other.example.",
      "ns1 5400 IN A 203.0.113.3",
      "5 86400 IN PTR ns1",
      "6 120 IN PTR ns1",
      "7 5400 IN PTR ns1",
      "shops 5400 IN MX 10 mail.shops.read.example.",
      "a.shops 300 IN CNAME shops.read.example.",
      'b.shops 5400 IN TXT "; (" "c"',
      "whole 60 IN A 203.0.113.4",
    ].toSorted(),
  );
  const { rrset } = (await cloud.get("/zones/read.example/rrsets/b.shops/TXT")).body;
  expect(rrset?.records).toEqual([{ value: '"; (" "c"', comment: "one who says it" }]);
});

test("a zone file without a TTL has the zone's", async () => {
  await zones.make("plain.example", { ttl: 900, zonefile: "www A 203.0.113.1" });
  expect((await cloud.get("/zones/plain.example/rrsets/www/A")).body.rrset?.ttl).toBeNull();
  expect(zones.linesOf("plain.example")).toContain("www\t900\tIN\tA\t203.0.113.1");
});

const possible = "those are A, AAAA, CAA, CNAME, DS";
test.each([
  ["$ORIGIN other.example.\n@ 60 IN A 1.2.3.4", /line 2: the name 'other\.example\.' is not in the zone/],
  ["@ 60 IN LOC 1 2 3", `line 1: 'LOC' is not a possible record type: ${possible}`],
  ["a 60 A 1.2.3.4\nb IN NSEC3PARAM 1 0 0 -", `line 2: 'NSEC3PARAM' is not a possible record type`],
  ["a TYPE65534 \\# 1 00", "line 1: 'TYPE65534' is not a possible record type"],
  ["a 60 A 1.2.3.4\n\n$GENERATE 1-9 h$ A 1.2.3.$", "line 3: '$GENERATE' is not possible here"],
  ["$INCLUDE other.zone", "line 1: '$INCLUDE' is not possible here"],
  ["$TTL", "line 1: $TTL must have one value"],
  ["$TTL soon", "line 1: 'soon' must be a number of seconds"],
  ["$TTL 5", "line 1: the TTL 5 must be 60 to 2147483647 seconds"],
  ["a 99999999999 A 1.2.3.4", "line 1: the TTL 99999999999 must be"],
  ['a CH TXT "x"', "line 1: the class CH is not possible, only IN"],
  ["@ 60 IN A 1.2.3", "line 1: A: '1.2.3' must be an IPv4 address"],
  ["www A", "line 1: A: must consist of an IPv4 address"],
  ["www", "line 1: it has no record type"],
  ["  A 1.2.3.4", "line 1: no record with a name is before it"],
  ["a 60 A 1.2.3.4\na 60 A 1.2.3.4", "line 1: must be different from each other"],
  ["a A 1.2.3.4\nb A 1.2.3.4\na CNAME b", "line 3: a CNAME record cannot be beside other records"],
  ["a\nb_ü A 1.2.3.4", "line 1: it has no record type"],
  ["a A 1.2.3.4\nb_ü A 1.2.3.4", "line 2: 'b_ü' must be @ or lower case labels"],
  ['a TXT "x\ny"', "line 1: a text in double quotes does not end on its line"],
  ["a A ( 1.2.3.4\nb A 1.2.3.4", "line 1: a parenthesis does not end"],
  ["a A 1.2.3.4 )", "line 1: a parenthesis ends that did not begin"],
  ["a A 1.2.3.4\\", "line 1: a '\\' has nothing after it"],
  [`a A 1.2.3.4 ;${"x".repeat(256)}`, "line 1: its comment must have 255 characters at most"],
  ["a LOC 1\nb A 1.2.3.4\nc B 2", /line 1: 'LOC' .*, line 3: 'B' /],
  ["a X y\n".repeat(25), /line 20: .*, and so on in 5 more lines$/],
])("%j is refused, with the line, and changes nothing", async (zonefile, why) => {
  await cloud.post("/zones", { name: "intact.example", mode: "primary" });
  const before = zones.fileOf("intact.example");
  for (const answer of [
    await cloud.post("/zones/intact.example/actions/import_zonefile", { zonefile }),
    await cloud.post("/zones", { name: "unmade.example", mode: "primary", zonefile }),
  ]) {
    expect(problem(answer)).toBe("422 invalid_input: zonefile");
    expect(answer.body.error?.message.replace("unmade.", "intact.")).toMatch(why);
  }
  expect((await cloud.get("/zones/intact.example")).body.zone?.record_count).toBe(4);
  expect(zones.fileOf("intact.example")).toEqual(before);
  expect(problem(await cloud.get("/zones/unmade.example"))).toBe("404 not_found");
});
