import { expect, test } from "vitest";
import { reverseName } from "../../local/api/name-jobs.js";
import { TestCloud, problem } from "./local-api-client.js";

test("a reverse zone that a client has made is answered for as the client has it", async () => {
  const own = await TestCloud.start();
  const address = await own.post("/primary_ips", {
    name: "reversed",
    type: "ipv4",
    location: "fsn1",
    assignee_type: "server",
  });
  const { ip = "" } = address.body.primary_ip ?? {};
  const [last = "", zone = ""] = reverseName(ip).split(/\.(.*)/);
  const rrsets = [{ name: last, type: "PTR", records: [{ value: "mine.example." }] }];
  const made = await own.post("/zones", { name: zone, mode: "primary", rrsets });
  expect((await own.finished(made.body.action)).status).toBe("success");
  expect(own.host.zoneFiles.filter(({ name }) => name === zone)).toHaveLength(1);
  expect(own.host.zoneFiles.find(({ name }) => name === zone)?.text.split("\n")).toContainEqual(
    expect.stringMatching(/PTR\tmine\.example\.$/),
  );
  await own.close();
});

test("a name server that was left running when its last zone was deleted is ended by the next process", async () => {
  const own = await TestCloud.start();
  // As the process before left it: the state has no zone any more.
  own.host.zoneFiles = [{ name: "deleted.example", serial: 1, text: "" }];
  await own.close();
  const next = await TestCloud.start({ host: own.host });
  await expect.poll(() => own.host.zoneFiles).toEqual([]);
  await next.close();
});

test("the reverse entry of an address that is deleted goes with it", async () => {
  const own = await TestCloud.start();
  const primary = (
    await own.post("/primary_ips", { name: "a", type: "ipv4", location: "fsn1", assignee_type: "server" })
  ).body.primary_ip;
  const floating = (await own.post("/floating_ips", { type: "ipv4", home_location: "fsn1" })).body
    .floating_ip;
  for (const [kind, of] of [
    ["primary_ips", primary],
    ["floating_ips", floating],
  ] as const) {
    const path = `/${kind}/${of?.id}`;
    await own.post(`${path}/actions/change_dns_ptr`, { ip: of?.ip, dns_ptr: "mail.shop.example" });
    await expect
      .poll(() => own.host.zoneFiles.map(({ text }) => text).join(""))
      .toContain("mail.shop.example");
    expect((await own.delete(path)).status).toBe(204);
    await expect
      .poll(() => own.host.zoneFiles.map(({ text }) => text).join(""))
      .not.toContain("mail.shop.example");
  }
  await own.close();
});

test("reverse entries are answered as soon as one is chosen", async () => {
  const own = await TestCloud.start();
  try {
    const made = await own.post("/primary_ips", {
      name: "a",
      type: "ipv4",
      location: "fsn1",
      assignee_type: "server",
    });
    const { id = 0, ip = "" } = made.body.primary_ip ?? {};
    expect(own.host.zoneFiles).toEqual([]);
    const point = { ip, dns_ptr: "mail.shop.example" };
    await own.post(`/primary_ips/${id}/actions/change_dns_ptr`, point);
    await expect.poll(() => own.host.zoneFiles.map(({ name }) => name)).toEqual(["113.0.203.in-addr.arpa"]);
    const [first] = own.host.zoneFiles;
    expect(first?.text).toContain(`${reverseName(ip)}. 86400 IN PTR mail.shop.example.`);
    expect(
      problem(
        await own.post(`/primary_ips/${id}/actions/change_dns_ptr`, { ip, dns_ptr: "a\n@ IN A 1.2.3.4" }),
      ),
    ).toBe("422 invalid_input: dns_ptr");
    await own.post(`/primary_ips/${id}/actions/change_dns_ptr`, { ip, dns_ptr: null });
    await expect.poll(() => own.host.zoneFiles).toEqual([]);
  } finally {
    await own.close();
  }
});
