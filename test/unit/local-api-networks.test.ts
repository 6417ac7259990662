import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { problem, TestCloud } from "./local-api-client.js";

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await TestCloud.start();
});
afterAll(() => cloud.close());

let count = 0;
const network = async (input: object = {}) => {
  const { body } = await cloud.post("/networks", {
    name: `net-${count++}`,
    ip_range: "10.0.0.0/16",
    subnets: [{ type: "cloud", network_zone: "eu-central", ip_range: "10.0.1.0/24" }],
    ...input,
  });
  if (!body.network) throw new Error(JSON.stringify(body));
  return body.network;
};
const act = (id: number, action: string, body: object) =>
  cloud.post(`/networks/${id}/actions/${action}`, body);
const attach = (server: number, body: object) =>
  cloud.post(`/servers/${server}/actions/attach_to_network`, body);
const read = async (id: number) => (await cloud.get(`/networks/${id}`)).body.network;

describe("a network", () => {
  test("is made, changed and deleted", async () => {
    const made = await network({
      name: "made",
      labels: { a: "b" },
      routes: [{ destination: "10.100.1.0/24", gateway: "10.0.1.5" }],
      expose_routes_to_vswitch: true,
    });
    expect(made).toEqual({
      id: made.id,
      name: "made",
      ip_range: "10.0.0.0/16",
      subnets: [{ type: "cloud", ip_range: "10.0.1.0/24", network_zone: "eu-central", gateway: "10.0.0.1" }],
      routes: [{ destination: "10.100.1.0/24", gateway: "10.0.1.5" }],
      servers: [],
      load_balancers: [],
      protection: { delete: false },
      labels: { a: "b" },
      created: made.created,
      expose_routes_to_vswitch: true,
    });
    expect((await cloud.put(`/networks/${made.id}`, { name: "changed" })).body.network?.name).toBe("changed");
    expect((await cloud.put(`/networks/${made.id}`, { labels: {} })).body.network?.labels).toEqual({});
    expect(problem(await cloud.post("/networks", { name: "changed", ip_range: "10.0.0.0/8" }))).toBe(
      "409 uniqueness_error: name",
    );
    expect((await act(made.id, "change_protection", { delete: true })).body.action?.status).toBe("success");
    expect(problem(await cloud.delete(`/networks/${made.id}`))).toBe("423 protected");
    await act(made.id, "change_protection", { delete: false });
    expect((await cloud.delete(`/networks/${made.id}`)).status).toBe(204);
    expect(problem(await cloud.get(`/networks/${made.id}`))).toBe("404 not_found");
  });

  test.each([
    [{ ip_range: "10.0.0.1/16" }, "ip_range"],
    [{ ip_range: "10.0.0.0" }, "ip_range"],
    [{ ip_range: "10.0.0.0/08" }, "ip_range"],
    [{ ip_range: "203.0.113.0/24" }, "ip_range"],
    [{ ip_range: "10.0.0.0/25" }, "ip_range"],
    [{ ip_range: "172.16.0.0/11" }, "ip_range"],
    [{ subnets: [{ type: "cloud", network_zone: "moon" }] }, "subnets.0.network_zone"],
    [{ subnets: [{ type: "lan", network_zone: "eu-central" }] }, "subnets.0.type"],
    [
      { subnets: [{ type: "cloud", network_zone: "us-east", ip_range: "10.1.0.0/24" }] },
      "subnets.0.ip_range",
    ],
    [
      { subnets: [{ type: "cloud", network_zone: "us-east", ip_range: "10.0.0.0/31" }] },
      "subnets.0.ip_range",
    ],
    [{ routes: [{ destination: "8.8.8.0/24", gateway: "10.0.1.1" }] }, "routes.0.destination"],
    [{ routes: [{ destination: "10.0.1.0/25", gateway: "10.0.1.1" }] }, "routes.0.destination"],
    [{ routes: [{ destination: "172.31.0.0/16", gateway: "10.0.1.1" }] }, "routes.0.destination"],
    [{ routes: [{ destination: "0.0.0.0/0", gateway: "10.1.1.1" }] }, "routes.0.gateway"],
    [{ routes: [{ destination: "0.0.0.0/0", gateway: "10.0.0.1" }] }, "routes.0.gateway"],
  ])("is refused with %o", async (input, field) => {
    const answer = await cloud.post("/networks", {
      name: "refused",
      ip_range: "10.0.0.0/16",
      subnets: [{ type: "cloud", network_zone: "eu-central", ip_range: "10.0.1.0/24" }],
      ...input,
    });
    expect(problem(answer)).toBe(`422 invalid_input: ${field}`);
    expect((await cloud.get("/networks?name=refused")).body.networks).toEqual([]);
  });

  test("gets and loses subnets", async () => {
    const { id } = await network();
    const add = (body: object) =>
      act(id, "add_subnet", { type: "cloud", network_zone: "eu-central", ...body });
    expect((await add({})).body.action).toMatchObject({ command: "add_subnet", status: "success" });
    expect((await add({ ip_range: "10.0.2.0/23" })).status).toBe(201);
    expect((await read(id))?.subnets.map((subnet) => subnet.ip_range)).toEqual([
      "10.0.1.0/24",
      "10.0.0.0/24",
      "10.0.2.0/23",
    ]);
    expect(problem(await add({ ip_range: "10.0.3.0/24" }))).toBe("422 invalid_input: ip_range");
    expect(problem(await add({ type: "vswitch", vswitch_id: 1 }))).toBe("422 unsupported_error");
    expect((await act(id, "delete_subnet", { ip_range: "10.0.0.0/24" })).status).toBe(201);
    expect(problem(await act(id, "delete_subnet", { ip_range: "10.0.0.0/24" }))).toBe("404 not_found");
    const full = await network({ ip_range: "10.7.7.0/24", subnets: [] });
    expect((await act(full.id, "add_subnet", { type: "cloud", network_zone: "us-east" })).status).toBe(201);
    expect(problem(await act(full.id, "add_subnet", { type: "cloud", network_zone: "us-east" }))).toBe(
      "422 no_subnet_available",
    );
  });

  test("gets and loses routes, which its router follows while servers are attached", async () => {
    const { id } = await network();
    await cloud.server({ networks: [id] });
    const route = { destination: "10.100.0.0/16", gateway: "10.0.1.9" };
    expect(await cloud.finished((await act(id, "add_route", route)).body.action)).toMatchObject({
      command: "add_route",
      status: "success",
    });
    expect(cloud.host.networksById.get(String(id))).toEqual({
      id: String(id),
      ipRange: "10.0.0.0/16",
      routes: [route],
    });
    expect(problem(await act(id, "add_route", route))).toBe("422 invalid_input: destination");
    const other = { ...route, gateway: "10.0.1.8" };
    expect(problem(await act(id, "delete_route", other))).toBe("404 not_found");
    await cloud.finished((await act(id, "delete_route", route)).body.action);
    expect(cloud.host.networksById.get(String(id))?.routes).toEqual([]);
  });

  test("grows, but does not shrink or move", async () => {
    const { id } = await network({ ip_range: "10.0.0.0/16" });
    const change = (range: string) => act(id, "change_ip_range", { ip_range: range });
    expect(problem(await change("10.0.0.0/17"))).toBe("422 invalid_input: ip_range");
    expect(problem(await change("10.1.0.0/16"))).toBe("422 invalid_input: ip_range");
    await cloud.finished((await change("10.0.0.0/12")).body.action);
    expect((await read(id))?.ip_range).toBe("10.0.0.0/12");
  });

  test("takes its servers off when it is deleted", async () => {
    const { id } = await network();
    const server = await cloud.server({ networks: [id] });
    expect((await read(id))?.servers).toEqual([server.id]);
    expect((await cloud.delete(`/networks/${id}`)).status).toBe(204);
    expect(cloud.host.networksById.has(String(id))).toBe(false);
    expect(cloud.host.machinesById.get(String(server.id))?.attachments.size).toBe(0);
    expect((await cloud.get(`/servers/${server.id}`)).body.server?.private_net).toEqual([]);
  });
});

describe("a server in a network", () => {
  test("gets the lowest free address of a subnet in its zone", async () => {
    const { id } = await network({
      subnets: [
        { type: "cloud", network_zone: "us-east", ip_range: "10.0.1.0/24" },
        { type: "cloud", network_zone: "eu-central", ip_range: "10.0.0.0/29" },
        { type: "cloud", network_zone: "eu-central", ip_range: "10.0.2.0/30" },
      ],
    });
    const ips: (string | undefined)[] = [];
    for (let index = 0; index < 7; index++) {
      ips.push((await cloud.server({ networks: [id] })).private_net[0]?.ip);
    }
    expect(ips).toEqual(["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.2.1", "10.0.2.2"]);
    const body = { name: "no-place", server_type: "local-512", image: "debian-12", networks: [id] };
    expect(problem(await cloud.post("/servers", body))).toBe("422 no_subnet_available");
    const east = await cloud.server({ location: "ash", networks: [id] });
    expect(east.private_net[0]?.ip).toBe("10.0.1.1");
    expect(problem(await cloud.post("/servers", { ...body, location: "sin" }))).toBe(
      "422 no_subnet_available",
    );
  });

  test("is attached with wishes, changed and detached", async () => {
    const { id } = await network({
      subnets: [
        { type: "cloud", network_zone: "eu-central", ip_range: "10.0.1.0/24" },
        { type: "cloud", network_zone: "eu-central", ip_range: "10.0.2.0/24" },
      ],
    });
    const server = await cloud.server();
    const { body } = await attach(server.id, { network: id, ip: "10.0.2.9", alias_ips: ["10.0.2.10"] });
    const done = await cloud.finished(body.action);
    expect(done).toMatchObject({
      command: "attach_to_network",
      status: "success",
      resources: [
        { type: "server", id: server.id },
        { type: "network", id },
      ],
    });
    const attached = () => cloud.host.machinesById.get(String(server.id))?.attachments.get(String(id));
    expect(attached()).toMatchObject({ networkId: String(id), ip: "10.0.2.9", aliasIps: ["10.0.2.10"] });
    expect(problem(await attach(server.id, { network: id }))).toBe("422 server_already_attached");

    const other = await cloud.server();
    expect(problem(await attach(other.id, { network: id, ip: "10.0.2.10" }))).toBe("422 ip_not_available");
    expect(problem(await attach(other.id, { network: id, ip: "10.0.3.1" }))).toBe("422 invalid_input: ip");
    expect(problem(await attach(other.id, { network: id, ip: "x" }))).toBe("422 invalid_input: ip");
    expect(problem(await attach(other.id, { network: id, ip: "10.0.1.1", ip_range: "10.0.2.0/24" }))).toBe(
      "422 invalid_input: ip",
    );
    expect(problem(await attach(other.id, { network: id, ip_range: "10.0.9.0/24" }))).toBe(
      "422 invalid_input: ip_range",
    );
    expect(problem(await attach(other.id, { network: 1 }))).toBe("404 not_found: network");
    await cloud.finished((await attach(other.id, { network: id, ip_range: "10.0.2.0/24" })).body.action);
    expect((await cloud.get(`/servers/${other.id}`)).body.server?.private_net[0]?.ip).toBe("10.0.2.1");

    const alias = (ips: string[]) =>
      cloud.post(`/servers/${server.id}/actions/change_alias_ips`, { network: id, alias_ips: ips });
    await cloud.finished((await alias(["10.0.1.77", "10.0.1.78"])).body.action);
    expect(attached()?.aliasIps).toEqual(["10.0.1.77", "10.0.1.78"]);
    expect(problem(await alias(["10.0.2.1"]))).toBe("422 ip_not_available");
    expect(problem(await alias(["10.0.1.5", "8.8.8.8"]))).toBe("422 invalid_input: alias_ips.1");

    expect(problem(await act(id, "delete_subnet", { ip_range: "10.0.2.0/24" }))).toBe("422 service_error");
    const detach = () => cloud.post(`/servers/${server.id}/actions/detach_from_network`, { network: id });
    await cloud.finished((await detach()).body.action);
    expect(attached()).toBeUndefined();
    expect((await cloud.get(`/servers/${server.id}`)).body.server?.private_net).toEqual([]);
    expect(problem(await detach())).toBe("404 not_found");
  });

  test("cannot be in networks that overlap, nor in more than three", async () => {
    const server = await cloud.server();
    const zoned = { subnets: [{ type: "cloud", network_zone: "eu-central" }] };
    const first = await network({ ip_range: "10.10.0.0/16", ...zoned });
    await cloud.finished((await attach(server.id, { network: first.id })).body.action);
    const overlapping = await network({ ip_range: "10.0.0.0/8", subnets: [] });
    expect(problem(await attach(server.id, { network: overlapping.id }))).toBe("422 networks_overlap");
    for (const range of ["10.11.0.0/16", "10.20.0.0/16"]) {
      const { id } = await network({ ip_range: range, ...zoned });
      await cloud.finished((await attach(server.id, { network: id })).body.action);
    }
    expect(problem(await act(first.id, "change_ip_range", { ip_range: "10.10.0.0/15" }))).toBe(
      "422 networks_overlap",
    );
    const fourth = await network({
      ip_range: "10.40.0.0/16",
      subnets: [{ type: "cloud", network_zone: "eu-central" }],
    });
    expect(problem(await attach(server.id, { network: fourth.id }))).toBe("403 resource_limit_exceeded");
  });
});
