import { Resolver } from "node:dns/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ZoneFile, ZonesRefused } from "../../local/machines/host.js";
import { processOf } from "../../local/machines/pid-file.js";
import { cloudInitDone, type MachineLab, machineSpec, openLab, sh, shOk, until } from "./machine-lab.js";

let lab: MachineLab;
const resolver = new Resolver({ timeout: 5000, tries: 3 });
const pid = (one: MachineLab) => processOf(`${one.instance.runFolder}/names.pid`);

const zone = (serial: number, lines: string[], name = "shop.example"): ZoneFile => ({
  name,
  serial,
  text: [
    `$ORIGIN ${name}.`,
    "$TTL 60",
    `@ IN SOA hydrogen.ns.hetzner.com. dns.hetzner.com. ${serial} 86400 10800 3600000 3600`,
    "@ IN NS hydrogen.ns.hetzner.com.",
    ...lines,
    "",
  ].join("\n"),
});

beforeAll(async () => {
  lab = await openLab("t-names");
  resolver.setServers([lab.instance.addresses.worldIpv4]);
});
afterAll(async () => lab?.remove());

test("the name server answers for its zones, and follows their changes", async () => {
  await lab.host.names.set([zone(1, ["www IN A 203.0.113.9", "* IN A 203.0.113.10", 'long IN TXT "x"'])]);
  expect(await resolver.resolve4("www.shop.example")).toEqual(["203.0.113.9"]);
  expect(await resolver.resolve4("anything.shop.example")).toEqual(["203.0.113.10"]);
  expect(await resolver.resolveSoa("shop.example")).toMatchObject({ serial: 1, minttl: 3600 });
  await expect(resolver.resolve4("www.other.example")).rejects.toMatchObject({ code: "EREFUSED" });
  const before = await pid(lab);
  // An answer of more than a datagram is asked for again over TCP.
  const many = Array.from({ length: 40 }, (_, index) => `long IN TXT "${String(index).repeat(50)}"`);
  await lab.host.names.set([
    zone(2, many),
    zone(7, ["5 IN PTR web.shop.example."], "113.0.203.in-addr.arpa"),
  ]);
  expect(await resolver.resolveTxt("long.shop.example")).toHaveLength(40);
  expect(await resolver.reverse("203.0.113.5")).toEqual(["web.shop.example"]);
  await expect(resolver.resolve4("www.shop.example")).rejects.toMatchObject({ code: "ENOTFOUND" });
  expect(await pid(lab)).toBe(before);
});

test("a zone that it does not take is refused with its reason; it goes on with the one before", async () => {
  await lab.host.names.set([zone(3, ["www IN A 203.0.113.9"])]);
  await expect(lab.host.names.set([zone(4, ["www IN A 203.0.113.999"])])).rejects.toThrow(
    /does not take the zone shop\.example/,
  );
  expect(await resolver.resolve4("www.shop.example")).toEqual(["203.0.113.9"]);
  await lab.host.names.set([zone(5, ["www IN A 203.0.113.8"])]);
  expect(await resolver.resolve4("www.shop.example")).toEqual(["203.0.113.8"]);
});

test("one that it does not take keeps no other from being served", async () => {
  const good = (serial: number) => zone(serial, ["www IN A 203.0.113.7"], "other.example");
  const bad = zone(6, ["www IN A 203.0.113.999"]);
  const refusal = await lab.host.names.set([bad, good(1)]).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(ZonesRefused);
  expect(refusal instanceof ZonesRefused && [...refusal.reasons.keys()]).toEqual(["shop.example"]);
  expect(await resolver.resolve4("www.other.example")).toEqual(["203.0.113.7"]);
  // Asked for once more it is refused at once: the name server itself would not say so a second time.
  const begun = performance.now();
  await expect(lab.host.names.set([bad, good(2)])).rejects.toThrow(/shop\.example/);
  expect(performance.now() - begun).toBeLessThan(8000);
  expect(await resolver.resolveSoa("other.example")).toMatchObject({ serial: 2 });
  await lab.host.names.set([zone(7, ["www IN A 203.0.113.8"])]);
  expect(await resolver.resolve4("www.shop.example")).toEqual(["203.0.113.8"]);
});

test("a machine asks it, too; it outlives its host, is started again, and ends with its last zone", async () => {
  await lab.host.createMachine(await machineSpec(lab, "1"));
  await lab.host.startMachine("1");
  await cloudInitDone(lab, "1");
  await shOk(lab, "1", `echo 'nameserver ${lab.instance.addresses.worldIpv4}' > /etc/resolv.conf`);
  const asked = await sh(lab, "1", "getent ahostsv4 www.shop.example | head -1");
  expect(asked.stdout).toMatch(/^203\.0\.113\.8\s/);
  const before = await pid(lab);
  lab = await lab.reopened();
  expect(await pid(lab)).toBe(before);
  process.kill(before ?? 0, "SIGKILL");
  await until(async () => ![before, undefined].includes(await pid(lab)));
  await until(async () => (await resolver.resolve4("www.shop.example").catch(() => [])).length === 1);
  await lab.host.names.set([]);
  expect(await pid(lab)).toBeUndefined();
});
