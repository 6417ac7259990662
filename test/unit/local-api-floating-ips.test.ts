import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { problem, TestCloud } from "./local-api-client.js";

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await TestCloud.start();
});
afterAll(() => cloud.close());

const make = async (input: object = {}) => {
  const { body } = await cloud.post("/floating_ips", { type: "ipv4", home_location: "fsn1", ...input });
  if (!body.floating_ip) throw new Error(JSON.stringify(body));
  if (body.action) await cloud.finished(body.action);
  return body.floating_ip;
};
const act = (id: number, action: string, body?: object) =>
  cloud.post(`/floating_ips/${id}/actions/${action}`, body);
const read = async (id: number) => (await cloud.get(`/floating_ips/${id}`)).body.floating_ip;
const addresses = (server: number) => cloud.host.machinesById.get(String(server))?.spec.addresses;

describe("a floating IP", () => {
  test("is made, found, changed, protected and deleted", async () => {
    const made = await make({ name: "made", description: "web", labels: { a: "b" } });
    expect(made).toMatchObject({
      name: "made",
      description: "web",
      type: "ipv4",
      server: null,
      blocked: false,
      home_location: { name: "fsn1" },
      protection: { delete: false },
      dns_ptr: [{ ip: made.ip, dns_ptr: expect.stringMatching(/^static\.\d+\.113\.0\.203\.clients/) }],
    });
    expect(await make()).toMatchObject({
      name: expect.stringMatching(/^floating-ip-\d+$/),
      description: null,
    });
    expect((await cloud.get("/floating_ips?label_selector=a=b")).body.floating_ips).toHaveLength(1);
    const path = `/floating_ips/${made.id}`;
    expect((await cloud.put(path, { name: "renamed", description: "" })).body.floating_ip).toMatchObject({
      name: "renamed",
      description: "",
      labels: { a: "b" },
    });
    await act(made.id, "change_dns_ptr", { ip: made.ip, dns_ptr: "shop.example" });
    expect((await read(made.id))?.dns_ptr).toEqual([{ ip: made.ip, dns_ptr: "shop.example" }]);
    expect(problem(await act(made.id, "change_dns_ptr", { ip: "203.0.113.9", dns_ptr: "x" }))).toBe(
      "422 invalid_input: ip",
    );
    await act(made.id, "change_protection", { delete: true });
    expect(problem(await cloud.delete(path))).toBe("423 protected");
    await act(made.id, "change_protection", { delete: false });
    expect((await cloud.delete(path)).status).toBe(204);
    expect(problem(await cloud.get(path))).toBe("404 not_found");
  });

  test("shares the pool with primary IPs", async () => {
    const floating = await make();
    const primary = await cloud.post("/primary_ips", { name: "next", type: "ipv4", location: "fsn1" });
    expect(primary.body.primary_ip?.ip).not.toBe(floating.ip);
  });

  test.each([
    [{ type: "ipv5" }, "422 invalid_input: type"],
    [{ home_location: undefined }, "422 invalid_input: home_location"],
    [{ home_location: "moon" }, "404 not_found: home_location"],
    [{ server: 1 }, "404 not_found: server"],
    [{ name: "" }, "422 invalid_input: name"],
  ])("is refused with %o", async (input, expected) => {
    const body = { type: "ipv4", home_location: "fsn1", ...input };
    const before = (await cloud.get("/floating_ips")).body.meta?.pagination["total_entries"];
    expect(problem(await cloud.post("/floating_ips", body))).toBe(expected);
    expect((await cloud.get("/floating_ips")).body.meta?.pagination["total_entries"]).toBe(before);
  });

  test("moves between running servers of its network zone, and leaves with its server's deletion", async () => {
    const [one, other, abroad] = [
      await cloud.server({ location: "fsn1" }),
      await cloud.server({ location: "nbg1" }),
      await cloud.server({ location: "ash" }),
    ];
    const ip = await make({ home_location: undefined, server: one.id });
    expect((await read(ip.id))?.server).toBe(one.id);
    expect(addresses(one.id)?.floatingIpv4).toEqual([ip.ip]);
    expect((await cloud.get(`/servers/${one.id}`)).body.server?.public_net.floating_ips).toEqual([ip.id]);

    expect(problem(await act(ip.id, "assign", { server: abroad.id }))).toBe("422 invalid_input: server");
    const moved = await cloud.finished((await act(ip.id, "assign", { server: other.id })).body.action);
    expect(moved).toMatchObject({
      command: "assign_floating_ip",
      resources: [
        { type: "server", id: other.id },
        { type: "floating_ip", id: ip.id },
      ],
    });
    expect([addresses(one.id)?.floatingIpv4, addresses(other.id)?.floatingIpv4]).toEqual([[], [ip.ip]]);

    await cloud.finished((await act(ip.id, "unassign")).body.action);
    expect(addresses(other.id)?.floatingIpv4).toEqual([]);
    expect(problem(await act(ip.id, "unassign"))).toBe("422 service_error");

    await cloud.finished((await act(ip.id, "assign", { server: other.id })).body.action);
    await cloud.finished((await cloud.delete(`/servers/${other.id}`)).body.action);
    expect(await read(ip.id)).toMatchObject({ server: null });

    await cloud.finished((await act(ip.id, "assign", { server: one.id })).body.action);
    expect(problem(await cloud.delete(`/floating_ips/${ip.id}`))).toBe("422 must_be_unassigned");
    await cloud.finished((await act(ip.id, "unassign")).body.action);
    expect((await cloud.delete(`/floating_ips/${ip.id}`)).status).toBe(204);
    expect(addresses(one.id)?.floatingIpv4).toEqual([]);
  });

  test("stays where it was when the computer refuses to move it", async () => {
    const [one, other] = [await cloud.server({ location: "fsn1" }), await cloud.server({ location: "fsn1" })];
    const ip = await make({ type: "ipv6", server: one.id });
    expect(addresses(one.id)?.floatingIpv6Networks).toEqual([ip.ip]);
    cloud.host.failing.add("setPublicAddresses");
    const { body } = await act(ip.id, "assign", { server: other.id });
    expect((await cloud.finished(body.action)).status).toBe("error");
    cloud.host.failing.delete("setPublicAddresses");
    expect(await read(ip.id)).toMatchObject({ server: one.id });
  });
});
