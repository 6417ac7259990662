import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { problem, publicKey, TestCloud } from "./local-api-client.js";

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await TestCloud.start({ reserved: new Set(["203.0.113.11"]) });
});
afterAll(() => cloud.close());

let count = 0;
const primaryIp = async (input: object = {}) => {
  const { body } = await cloud.post("/primary_ips", {
    name: `ip-${count++}`,
    type: "ipv4",
    location: "fsn1",
    ...input,
  });
  if (!body.primary_ip) throw new Error(JSON.stringify(body));
  return body.primary_ip;
};
const act = (id: number, action: string, body?: object) =>
  cloud.post(`/primary_ips/${id}/actions/${action}`, body);
const read = async (id: number) => (await cloud.get(`/primary_ips/${id}`)).body.primary_ip;
const off = (input: object = {}) => cloud.server({ location: "fsn1", start_after_create: false, ...input });

describe("a primary IP", () => {
  test("is the lowest free address; one that something else has is left out", async () => {
    const own = await TestCloud.start({ reserved: new Set(["203.0.113.11"]) });
    const make = async (type: string) =>
      (await own.post("/primary_ips", { name: `n${count++}`, type, location: "fsn1" })).body.primary_ip;
    const [a, b] = [await make("ipv4"), await make("ipv4")];
    expect([a?.ip, b?.ip]).toEqual(["203.0.113.10", "203.0.113.12"]);
    expect([(await make("ipv6"))?.ip, (await make("ipv6"))?.ip]).toEqual([
      "2001:db8:0:10::/64",
      "2001:db8:0:11::/64",
    ]);
    await own.delete(`/primary_ips/${a?.id}`);
    expect((await make("ipv4"))?.ip).toBe("203.0.113.10");
    const all = new Set<string | undefined>();
    for (let index = 0; index < 50; index++) all.add((await make("ipv4"))?.ip);
    expect(all.size).toBe(50);
    expect(all.has("203.0.113.62")).toBe(true);
    const more = await own.post("/primary_ips", { name: "more", type: "ipv4", location: "fsn1" });
    expect(problem(more)).toBe("403 resource_limit_exceeded");
    await own.close();
  });

  test("is made, changed and deleted", async () => {
    const made = await primaryIp({ name: "made", labels: { a: "b" } });
    expect(made).toMatchObject({
      name: "made",
      type: "ipv4",
      assignee_id: null,
      assignee_type: "server",
      auto_delete: false,
      blocked: false,
      protection: { delete: false },
      location: { name: "fsn1" },
    });
    const changed = await cloud.put(`/primary_ips/${made.id}`, {
      name: "changed",
      labels: {},
      auto_delete: true,
    });
    expect(changed.body.primary_ip).toMatchObject({ name: "changed", labels: {}, auto_delete: true });
    expect(problem(await act(made.id, "change_protection", { delete: true }))).toBe(
      "422 invalid_input: delete",
    );
    await cloud.put(`/primary_ips/${made.id}`, { auto_delete: false });
    expect((await act(made.id, "change_protection", { delete: true })).body.action?.status).toBe("success");
    expect(problem(await cloud.put(`/primary_ips/${made.id}`, { auto_delete: true }))).toBe(
      "422 invalid_input: auto_delete",
    );
    expect(problem(await cloud.delete(`/primary_ips/${made.id}`))).toBe("423 protected");
    await act(made.id, "change_protection", { delete: false });
    const other = await primaryIp();
    expect(problem(await cloud.put(`/primary_ips/${other.id}`, { name: "changed" }))).toBe(
      "409 uniqueness_error: name",
    );
    expect((await cloud.get(`/primary_ips?ip=${made.ip}`)).body.primary_ips?.map(({ id }) => id)).toEqual([
      made.id,
    ]);
    expect((await cloud.delete(`/primary_ips/${made.id}`)).status).toBe(204);
    expect(problem(await cloud.get(`/primary_ips/${made.id}`))).toBe("404 not_found");
  });

  test.each([
    [{ type: "ipv5" }, "422 invalid_input: type"],
    [{ location: "moon" }, "404 not_found: location"],
    [{ location: undefined }, "422 invalid_input: location"],
    [{ assignee_id: 1 }, "422 invalid_input: location"],
    [{ location: undefined, assignee_id: 1 }, "404 not_found: assignee_id"],
    [{ datacenter: "fsn1-dc14" }, "422 invalid_input: datacenter"],
  ])("is refused with %o", async (input, expected) => {
    const body = { name: "refused", type: "ipv4", location: "fsn1", ...input };
    expect(problem(await cloud.post("/primary_ips", body))).toBe(expected);
    expect((await cloud.get("/primary_ips?name=refused")).body.primary_ips).toEqual([]);
  });

  test("moves between servers that are off", async () => {
    const ip = await primaryIp();
    const [one, other] = [
      await off({ public_net: { ipv4: ip.id } }),
      await off({ public_net: { enable_ipv4: false } }),
    ];
    const addresses = (id: number) => cloud.host.machinesById.get(String(id))?.spec.addresses;
    expect(addresses(one.id)?.ipv4).toBe(ip.ip);
    expect(problem(await cloud.delete(`/primary_ips/${ip.id}`))).toBe("422 must_be_unassigned");
    const assign = (server: number) => act(ip.id, "assign", { assignee_id: server, assignee_type: "server" });
    expect(problem(await assign(other.id))).toBe("422 primary_ip_already_assigned");

    expect(await cloud.finished((await act(ip.id, "unassign")).body.action)).toMatchObject({
      command: "unassign_primary_ip",
      status: "success",
    });
    expect(addresses(one.id)?.ipv4).toBeUndefined();
    expect(problem(await act(ip.id, "unassign"))).toBe("422 service_error");
    expect(problem(await assign(1))).toBe("404 not_found: assignee_id");
    await cloud.finished((await assign(other.id)).body.action);
    expect(addresses(other.id)?.ipv4).toBe(ip.ip);
    expect((await read(ip.id))?.assignee_id).toBe(other.id);

    const full = await primaryIp();
    const more = (server: number) => act(full.id, "assign", { assignee_id: server, assignee_type: "server" });
    expect(problem(await more(other.id))).toBe("422 server_has_ipv4");
    const running = await cloud.server({ location: "fsn1" });
    expect(problem(await more(running.id))).toBe("422 server_not_stopped");
    const elsewhere = await cloud.server({ location: "nbg1", start_after_create: false });
    expect(problem(await more(elsewhere.id))).toBe("422 primary_ip_datacenter_mismatch");
    await cloud.finished((await cloud.post(`/servers/${other.id}/actions/poweron`)).body.action);
    expect(problem(await act(ip.id, "unassign"))).toBe("422 server_not_stopped");
  });

  test("may be made for a server", async () => {
    const server = await off({ public_net: { enable_ipv4: false } });
    const body = { name: "direct", type: "ipv4", assignee_id: server.id, auto_delete: true };
    const made = await cloud.post("/primary_ips", body);
    expect(made.body.primary_ip).toMatchObject({ assignee_id: server.id, location: { name: "fsn1" } });
    expect((await cloud.finished(made.body.action)).command).toBe("assign_primary_ip");
    expect(cloud.host.machinesById.get(String(server.id))?.spec.addresses.ipv4).toBe(
      made.body.primary_ip?.ip,
    );
    expect(problem(await cloud.post("/primary_ips", { ...body, name: "second" }))).toBe(
      "422 server_has_ipv4",
    );
  });

  test("fits the server that it is given to", async () => {
    const server = { name: "refused", server_type: "local-512", image: "debian-12" };
    const ipv6 = await primaryIp({ type: "ipv6" });
    const make = (input: object) => cloud.post("/servers", { ...server, ...input });
    expect(problem(await make({ public_net: { ipv4: ipv6.id } }))).toBe("412 primary_ip_version_mismatch");
    expect(problem(await make({ location: "hel1", public_net: { ipv6: ipv6.id } }))).toBe(
      "422 primary_ip_datacenter_mismatch",
    );
    const taken = await cloud.server({ public_net: { ipv6: ipv6.id } });
    expect(taken.location.name).toBe("fsn1");
    expect(problem(await make({ public_net: { ipv6: ipv6.id } }))).toBe("422 primary_ip_assigned");
  });

  test("has reverse DNS entries", async () => {
    const ip = await primaryIp({ type: "ipv6" });
    const address = ip.ip.replace("/64", "a");
    const change = (body: object) => act(ip.id, "change_dns_ptr", body);
    expect((await change({ ip: address, dns_ptr: "a.example.com" })).body.action?.status).toBe("success");
    expect((await read(ip.id))?.dns_ptr).toEqual([{ ip: address, dns_ptr: "a.example.com" }]);
    expect(problem(await change({ ip: "2001:db8:9::1", dns_ptr: "x" }))).toBe("422 invalid_input: ip");
    expect(problem(await change({ ip: address, dns_ptr: "" }))).toBe("422 invalid_input: dns_ptr");
  });
});

describe("an SSH key", () => {
  test("is made, found, changed and deleted", async () => {
    const { status, body } = await cloud.post("/ssh_keys", {
      name: "key",
      public_key: publicKey(1),
      labels: { a: "" },
    });
    expect(status).toBe(201);
    expect(body.ssh_key).toMatchObject({ name: "key", public_key: publicKey(1), labels: { a: "" } });
    expect(body.ssh_key?.fingerprint).toMatch(/^([0-9a-f]{2}:){15}[0-9a-f]{2}$/);
    const found = await cloud.get(`/ssh_keys?fingerprint=${body.ssh_key?.fingerprint}`);
    expect(found.body.ssh_keys?.map(({ id }) => id)).toEqual([body.ssh_key?.id]);
    const path = `/ssh_keys/${body.ssh_key?.id}`;
    expect((await cloud.put(path, { name: "renamed" })).body.ssh_key).toMatchObject({ name: "renamed" });
    const same = await cloud.post("/ssh_keys", { name: "other", public_key: `${publicKey(1)}-2` });
    expect(problem(same)).toBe("409 uniqueness_error: public_key");
    const named = await cloud.post("/ssh_keys", { name: "renamed", public_key: publicKey(2) });
    expect(problem(named)).toBe("409 uniqueness_error: name");
    expect((await cloud.delete(path)).status).toBe(204);
    expect(problem(await cloud.delete(path))).toBe("404 not_found");
  });

  test("has the fingerprint that ssh-keygen shows", async () => {
    const key =
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJU2Q+ZQ6Hp9bq2VSv0CmZ7S5bX5j6XyI0QpD1w5t3pR someone@somewhere";
    const { body } = await cloud.post("/ssh_keys", { name: "known", public_key: key });
    const { execaSync } = await import("execa");
    const { stdout } = execaSync("ssh-keygen", ["-l", "-E", "md5", "-f", "-"], { input: key });
    expect(stdout).toContain(`MD5:${body.ssh_key?.fingerprint}`);
  });

  test.each(["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIO2x", "no key at all"])(
    "is refused as '%s'",
    async (key) => {
      expect(problem(await cloud.post("/ssh_keys", { name: "refused", public_key: key }))).toBe(
        "422 invalid_input: public_key",
      );
    },
  );
});

describe("a placement group", () => {
  test("is made, changed and deleted", async () => {
    const { body } = await cloud.post("/placement_groups", {
      name: "group",
      type: "spread",
      labels: { a: "b" },
    });
    expect(body.placement_group).toMatchObject({
      name: "group",
      type: "spread",
      servers: [],
      labels: { a: "b" },
    });
    const path = `/placement_groups/${body.placement_group?.id}`;
    expect((await cloud.put(path, { name: "changed" })).body.placement_group?.name).toBe("changed");
    expect(
      (await cloud.get("/placement_groups?type=spread&name=changed")).body.placement_groups,
    ).toHaveLength(1);
    expect(problem(await cloud.post("/placement_groups", { name: "changed", type: "spread" }))).toBe(
      "409 uniqueness_error: name",
    );
    expect(problem(await cloud.post("/placement_groups", { name: "x", type: "pack" }))).toBe(
      "422 invalid_input: type",
    );
    expect((await cloud.delete(path)).status).toBe(204);
  });

  test("is joined and left by servers", async () => {
    const group = (await cloud.post("/placement_groups", { name: "joined", type: "spread" })).body
      .placement_group;
    const join = (server: number) =>
      cloud.post(`/servers/${server}/actions/add_to_placement_group`, { placement_group: group?.id });
    const member = await cloud.server({ placement_group: group?.id });
    expect(member.placement_group).toMatchObject({ id: group?.id, servers: [member.id] });
    const late = await cloud.server();
    expect(problem(await join(late.id))).toBe("422 server_not_stopped");
    await cloud.finished((await cloud.post(`/servers/${late.id}/actions/poweroff`)).body.action);
    expect((await join(late.id)).body.action?.status).toBe("success");
    expect(problem(await join(late.id))).toBe("422 already_in_placement_group");
    const leave = await cloud.post(`/servers/${late.id}/actions/remove_from_placement_group`);
    expect(leave.body.action?.status).toBe("success");
    for (let index = 0; index < 9; index++) await cloud.server({ placement_group: group?.id });
    const body = {
      name: "eleventh",
      server_type: "local-512",
      image: "debian-12",
      placement_group: group?.id,
    };
    expect(problem(await cloud.post("/servers", body))).toBe("422 placement_error");
    await cloud.delete(`/placement_groups/${group?.id}`);
    expect((await cloud.get(`/servers/${member.id}`)).body.server?.placement_group).toBeNull();
  });
});
