import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { problem, publicKey, TestCloud } from "./local-api-client.js";

let cloud: TestCloud;
const basic = { server_type: "local-512", image: "debian-12" };
beforeAll(async () => {
  cloud = await TestCloud.start();
});
afterAll(() => cloud.close());

describe("a new server", () => {
  test("is answered at once and then made and started", async () => {
    const key = (await cloud.post("/ssh_keys", { name: "key", public_key: publicKey(1) })).body.ssh_key;
    const { status, body } = await cloud.post("/servers", {
      ...basic,
      name: "web",
      location: "nbg1",
      ssh_keys: [key?.id, "key"],
      user_data: "#cloud-config\n",
      labels: { role: "web" },
    });
    expect(status).toBe(201);
    expect(body.server).toMatchObject({ name: "web", status: "initializing", locked: true, private_net: [] });
    expect(body.action).toMatchObject({
      command: "create_server",
      status: "running",
      progress: 0,
      finished: null,
    });
    expect(body.next_actions?.map(({ command }) => command)).toEqual(["start_server"]);
    expect(body["root_password"]).toBeNull();
    expect(body.server?.id).toBeGreaterThan(2 ** 31);

    const [next] = body.next_actions ?? [];
    expect(await cloud.finished(next)).toMatchObject({ status: "success", progress: 100, error: null });
    const { server } = (await cloud.get(`/servers/${body.server?.id}`)).body;
    expect(server).toMatchObject({ status: "running", locked: false, primary_disk_size: 10 });
    expect(server?.created).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(server?.location.name).toBe("nbg1");

    const machine = cloud.host.machinesById.get(String(server?.id));
    expect(machine?.running).toBe(true);
    expect(machine?.spec).toEqual({
      id: String(server?.id),
      name: "web",
      image: "debian-12",
      limits: { cores: 1, memoryBytes: 512 * 2 ** 20, diskBytes: 10 * 2 ** 30 },
      userData: "#cloud-config\n",
      authorizedKeys: [publicKey(1), publicKey(1)],
      addresses: {
        ipv4: server?.public_net.ipv4?.ip,
        ipv6Network: server?.public_net.ipv6?.ip,
        floatingIpv4: [],
        floatingIpv6Networks: [],
      },
    });
  });

  test("may stay off", async () => {
    const server = await cloud.server({ start_after_create: false });
    expect(server.status).toBe("off");
    expect(cloud.host.machinesById.get(String(server.id))?.running).toBe(false);
  });

  test("gets its networks and firewalls before it starts", async () => {
    const network = (
      await cloud.post("/networks", {
        name: "create-net",
        ip_range: "10.9.0.0/16",
        subnets: [{ type: "cloud", network_zone: "eu-central", ip_range: "10.9.1.0/24" }],
      })
    ).body.network;
    const rule = { direction: "in", protocol: "tcp", port: "22", source_ips: ["0.0.0.0/0"] };
    const firewall = (await cloud.post("/firewalls", { name: "create-fw", rules: [rule] })).body.firewall;
    const server = await cloud.server({
      networks: [network?.id],
      firewalls: [{ firewall: firewall?.id }],
    });
    expect(server.private_net).toMatchObject([{ network: network?.id, ip: "10.9.1.1", alias_ips: [] }]);
    expect(server.private_net[0]?.mac_address).toMatch(/^86:00:00(:[0-9a-f]{2}){3}$/);
    expect(server.public_net.firewalls).toEqual([{ id: firewall?.id, status: "applied" }]);
    const calls = cloud.host.calls
      .filter((call) => call.endsWith(` ${server.id}`))
      .map((c) => c.split(" ")[0]);
    expect(calls).toEqual(["createMachine", "setFirewall", "attachNetwork", "startMachine"]);
    expect(cloud.host.machinesById.get(String(server.id))?.firewall).toEqual({
      inbound: [{ protocol: "tcp", remotes: ["0.0.0.0/0"], port: "22" }],
      outbound: [],
    });
  });

  test("without public addresses", async () => {
    const none = { enable_ipv4: false, enable_ipv6: false };
    expect(problem(await cloud.post("/servers", { ...basic, name: "n", public_net: none }))).toBe(
      "422 invalid_input: public_net",
    );
    const server = await cloud.server({ start_after_create: false, public_net: none });
    expect(server.public_net).toMatchObject({ ipv4: null, ipv6: null });
    expect(problem(await cloud.post(`/servers/${server.id}/actions/poweron`))).toBe("422 service_error");
  });

  test("keeps its user data to itself", async () => {
    const server = await cloud.server({ user_data: "sentinel-of-user-data" });
    const texts = [
      await cloud.get(`/servers/${server.id}`),
      await cloud.get(`/servers/${server.id}/actions`),
    ];
    expect(JSON.stringify(texts)).not.toContain("sentinel");
  });

  test.each([
    [{ name: "two words" }, "422 invalid_input: name"],
    [{ name: "-a" }, "422 invalid_input: name"],
    [{ name: "a".repeat(64) }, "422 invalid_input: name"],
    [{ name: "" }, "422 invalid_input: name"],
    [{ name: "ünicode" }, "422 invalid_input: name"],
    [{ server_type: "cx1" }, "404 not_found: server_type"],
    [{ image: "ubuntu-24.04" }, "404 not_found: image"],
    [{ location: "moon" }, "404 not_found: location"],
    [{ server_type: "cx23", location: "ash" }, "422 invalid_input: location"],
    [{ server_type: process.arch === "arm64" ? "cx23" : "cax11" }, "412 resource_unavailable"],
    [{ ssh_keys: ["nobody"] }, "404 not_found: ssh_keys"],
    [{ networks: [1] }, "404 not_found: networks"],
    [{ firewalls: [{ firewall: 1 }] }, "404 not_found: firewalls"],
    [{ placement_group: 1 }, "404 not_found: placement_group"],
    [{ public_net: { ipv4: 1 } }, "404 not_found: public_net.ipv4"],
    [{ public_net: { enable_ipv4: false, ipv4: 1 } }, "422 invalid_input: public_net.ipv4"],
    [{ labels: { "": "x" } }, "422 invalid_input: labels"],
    [{ labels: { a: 1 } }, "422 invalid_input: labels.a"],
    [{ user_data: "a".repeat(32 * 1024 + 1) }, "422 invalid_input: user_data"],
    [{ volumes: [1] }, "404 not_found: volumes"],
    [{ datacenter: "fsn1-dc14" }, "422 invalid_input: datacenter"],
  ])("is refused with %o", async (input, expected) => {
    const before = (await cloud.get("/servers?per_page=50")).body.meta?.pagination["total_entries"];
    expect(problem(await cloud.post("/servers", { ...basic, name: "refused", ...input }))).toBe(expected);
    const after = (await cloud.get("/servers?per_page=50")).body.meta?.pagination["total_entries"];
    expect(after).toBe(before);
    expect((await cloud.get("/primary_ips?name=refused")).body.primary_ips).toEqual([]);
  });

  test("needs a name that no other has", async () => {
    await cloud.server({ name: "unique" });
    expect(problem(await cloud.post("/servers", { ...basic, name: "unique" }))).toBe(
      "409 uniqueness_error: name",
    );
  });
});

describe("a server", () => {
  test("is found by name, label and status", async () => {
    const server = await cloud.server({ name: "findable", labels: { env: "prod", tier: "1" } });
    const ids = async (query: string) =>
      (await cloud.get(`/servers?${query}`)).body.servers?.map(({ id }) => id);
    expect(await ids("name=findable")).toEqual([server.id]);
    expect(await ids("label_selector=env%3Dprod,tier!%3D2")).toEqual([server.id]);
    expect(await ids("name=findable&status=off&status=running")).toEqual([server.id]);
    expect(await ids("name=findable&status=off")).toEqual([]);
    expect(problem(await cloud.get("/servers?status=gone"))).toBe("422 invalid_input: status");
    expect(problem(await cloud.get("/servers/1"))).toBe("404 not_found");
  });

  test("is renamed and labelled", async () => {
    const { id } = await cloud.server({ labels: { a: "b" } });
    expect((await cloud.put(`/servers/${id}`, { name: "renamed" })).body.server).toMatchObject({
      name: "renamed",
      labels: { a: "b" },
    });
    expect((await cloud.put(`/servers/${id}`, { labels: {} })).body.server).toMatchObject({ labels: {} });
    const other = await cloud.server();
    expect(problem(await cloud.put(`/servers/${other.id}`, { name: "renamed" }))).toBe(
      "409 uniqueness_error: name",
    );
    expect(problem(await cloud.put(`/servers/${id}`, { name: "a b" }))).toBe("422 invalid_input: name");
    expect(problem(await cloud.put(`/servers/${id}`, { status: "off" }))).toBe("422 invalid_input: status");
  });

  test("is switched", async () => {
    const { id } = await cloud.server();
    const act = async (action: string) => {
      const { status, body } = await cloud.post(`/servers/${id}/actions/${action}`);
      expect(status).toBe(201);
      const done = await cloud.finished(body.action);
      const state = (await cloud.get(`/servers/${id}`)).body.server?.status;
      return `${done.command} ${done.status}, ${state}`;
    };
    expect(await act("poweron")).toBe("start_server success, running");
    expect(await act("poweroff")).toBe("stop_server success, off");
    expect(await act("poweroff")).toBe("stop_server success, off");
    expect(await act("reboot")).toBe("reboot_server error, off");
    expect(await act("reset")).toBe("reset_server success, running");
    expect(await act("reboot")).toBe("reboot_server success, running");
    expect(await act("shutdown")).toBe("shutdown_server success, off");
    expect(await act("poweron")).toBe("start_server success, running");
  });

  test("follows what its guest does", async () => {
    const { id } = await cloud.server();
    const status = async () => (await cloud.get(`/servers/${id}`)).body.server?.status;
    cloud.host.exit(String(id), "reboot");
    expect(await status()).toBe("running");
    cloud.host.exit(String(id), "poweroff");
    expect(await status()).toBe("off");
  });

  test("changes its type when it is off, and starts again", async () => {
    const { id } = await cloud.server();
    const change = (type: string | number, disk: boolean) =>
      cloud.post(`/servers/${id}/actions/change_type`, { server_type: type, upgrade_disk: disk });
    expect(problem(await change("cx23", false))).toBe("422 server_not_stopped");
    await cloud.finished((await cloud.post(`/servers/${id}/actions/poweroff`)).body.action);
    expect(problem(await change("local-512", false))).toBe("422 invalid_server_type");
    expect(problem(await change("cx1", false))).toBe("404 not_found: server_type");
    expect(problem(await cloud.post(`/servers/${id}/actions/change_type`, {}))).toBe(
      "422 invalid_input: server_type, upgrade_disk",
    );

    expect(await cloud.finished((await change(114, false)).body.action)).toMatchObject({
      command: "change_server_type",
      status: "success",
    });
    const { server } = (await cloud.get(`/servers/${id}`)).body;
    expect(server).toMatchObject({ status: "running", primary_disk_size: 10, server_type: { name: "cx23" } });
    expect(cloud.host.machinesById.get(String(id))?.spec.limits).toEqual({
      cores: 2,
      memoryBytes: 4 * 2 ** 30,
      diskBytes: 10 * 2 ** 30,
    });
    await cloud.finished((await cloud.post(`/servers/${id}/actions/poweroff`)).body.action);
    await cloud.finished((await change("cx33", true)).body.action);
    expect((await cloud.get(`/servers/${id}`)).body.server?.primary_disk_size).toBe(80);
    await cloud.finished((await cloud.post(`/servers/${id}/actions/poweroff`)).body.action);
    expect(problem(await change("cx23", true))).toBe("422 invalid_server_type");
  });

  test("is protected", async () => {
    const { id } = await cloud.server();
    const protect = (body: object) => cloud.post(`/servers/${id}/actions/change_protection`, body);
    expect(problem(await protect({ delete: true }))).toBe("422 invalid_input: delete, rebuild");
    expect((await protect({ delete: true, rebuild: true })).body.action).toMatchObject({
      command: "change_protection",
      status: "success",
    });
    expect(problem(await cloud.delete(`/servers/${id}`))).toBe("423 protected");
    await protect({ delete: false, rebuild: false });
    expect((await cloud.delete(`/servers/${id}`)).status).toBe(200);
  });

  test("is deleted with what belongs to it", async () => {
    const kept = (
      await cloud.post("/primary_ips", { name: "kept", type: "ipv4", location: "fsn1", auto_delete: false })
    ).body.primary_ip;
    const server = await cloud.server({ location: "fsn1", public_net: { ipv4: kept?.id } });
    const { status, body } = await cloud.delete(`/servers/${server.id}`);
    expect(status).toBe(200);
    expect((await cloud.finished(body.action)).command).toBe("delete_server");
    expect(problem(await cloud.get(`/servers/${server.id}`))).toBe("404 not_found");
    expect(cloud.host.machinesById.has(String(server.id))).toBe(false);
    expect(problem(await cloud.get(`/primary_ips/${server.public_net.ipv6?.id}`))).toBe("404 not_found");
    expect((await cloud.get(`/primary_ips/${kept?.id}`)).body.primary_ip?.assignee_id).toBeNull();
    expect(problem(await cloud.delete(`/servers/${server.id}`))).toBe("404 not_found");
  });

  test.each(["attach_iso", "enable_rescue", "request_console", "reset_password"])(
    "refuses %s, which cannot be done here",
    async (action) => {
      const { id } = await cloud.server({ start_after_create: false });
      expect(problem(await cloud.post(`/servers/${id}/actions/${action}`, {}))).toBe("422 unsupported_error");
    },
  );

  test("is rebuilt with its name and addresses, and runs then; not while it is protected", async () => {
    const server = await cloud.server({ start_after_create: false });
    const rebuild = (image: string) => cloud.post(`/servers/${server.id}/actions/rebuild`, { image });
    expect(problem(await rebuild("windows-95"))).toBe("404 not_found: image");
    const protect = (on: boolean) =>
      cloud.post(`/servers/${server.id}/actions/change_protection`, { delete: on, rebuild: on });
    await protect(true);
    expect(problem(await rebuild("debian-12"))).toBe("423 protected");
    await protect(false);
    const { body } = await rebuild("debian-12");
    expect(body["root_password"]).toBeNull();
    expect(await cloud.finished(body.action)).toMatchObject({ command: "rebuild_server", status: "success" });
    expect(cloud.host.calls).toContain(`rebuildMachine ${server.id}`);
    const now = (await cloud.get(`/servers/${server.id}`)).body.server;
    expect(now).toMatchObject({ status: "running", name: server.name, public_net: server.public_net });
  });

  test("has reverse DNS entries", async () => {
    const server = await cloud.server();
    const ip = server.public_net.ipv4?.ip ?? "";
    expect(server.public_net.ipv4?.dns_ptr).toBe(
      `static.${ip.split(".").toReversed().join(".")}.clients.your-server.de`,
    );
    const change = (body: object) => cloud.post(`/servers/${server.id}/actions/change_dns_ptr`, body);
    const ip6 = server.public_net.ipv6?.ip.replace("/64", "7") ?? "";
    expect((await change({ ip, dns_ptr: "a.example.com" })).status).toBe(201);
    expect((await change({ ip: ip6, dns_ptr: "b.example.com" })).status).toBe(201);
    const { server: now } = (await cloud.get(`/servers/${server.id}`)).body;
    expect(now?.public_net.ipv4?.dns_ptr).toBe("a.example.com");
    expect(now?.public_net.ipv6?.dns_ptr).toEqual([{ ip: ip6, dns_ptr: "b.example.com" }]);
    expect((await change({ ip: ip6, dns_ptr: null })).status).toBe(201);
    expect((await cloud.get(`/servers/${server.id}`)).body.server?.public_net.ipv6?.dns_ptr).toEqual([]);
    expect(problem(await change({ ip: "192.0.2.1", dns_ptr: "x.example.com" }))).toBe(
      "422 invalid_input: ip",
    );
  });
});
