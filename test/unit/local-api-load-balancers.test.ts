import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { problem, TestCloud } from "./local-api-client.js";

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await TestCloud.start();
});
afterAll(() => cloud.close());

let count = 0;
const make = async (input: object = {}) => {
  const body = { name: `lb-${count++}`, load_balancer_type: "lb11", location: "fsn1", ...input };
  const answer = await cloud.post("/load_balancers", body);
  if (!answer.body.load_balancer) throw new Error(JSON.stringify(answer.body));
  await cloud.finished(answer.body.action);
  return answer.body.load_balancer;
};
const act = (id: number, action: string, body?: object) =>
  cloud.post(`/load_balancers/${id}/actions/${action}`, body);
const done = async (id: number, action: string, body?: object) => {
  const answer = await act(id, action, body);
  if (answer.status !== 201) throw new Error(`${action}: ${problem(answer)}`);
  const finished = await cloud.finished(answer.body.action);
  expect(finished).toMatchObject({ status: "success" });
};
const read = async (id: number) => (await cloud.get(`/load_balancers/${id}`)).body.load_balancer;
const onHost = (id: number) => cloud.host.balancersById.get(String(id));
const network = async () => {
  const subnets = [{ type: "cloud", network_zone: "eu-central", ip_range: "10.0.0.0/24" }];
  const body = { name: `net-${count++}`, ip_range: "10.0.0.0/16", subnets };
  return (await cloud.post("/networks", body)).body.network?.id ?? 0;
};
const tcp = { protocol: "tcp", listen_port: 5432, destination_port: 5433 };

describe("a load balancer", () => {
  test("is made, found, changed, protected and deleted", async () => {
    const made = await make({ name: "made", labels: { a: "b" }, algorithm: { type: "least_connections" } });
    expect(made).toMatchObject({
      name: "made",
      algorithm: { type: "least_connections" },
      location: { name: "fsn1" },
      load_balancer_type: { name: "lb11", max_targets: 25 },
      private_net: [],
      services: [],
      targets: [],
      public_net: { enabled: true, ipv4: { dns_ptr: expect.stringMatching(/^static\./) } },
    });
    expect(onHost(made.id)?.addresses.ipv4).toBe(made.public_net.ipv4.ip);
    expect((await cloud.get("/load_balancers?label_selector=a=b")).body.load_balancers).toHaveLength(1);
    const path = `/load_balancers/${made.id}`;
    expect((await cloud.put(path, { name: "renamed" })).body.load_balancer?.name).toBe("renamed");
    await done(made.id, "change_algorithm", { type: "round_robin" });
    expect(onHost(made.id)?.algorithm).toBe("round_robin");
    await done(made.id, "change_type", { load_balancer_type: "lb21" });
    expect(problem(await act(made.id, "change_type", { load_balancer_type: "lb21" }))).toBe(
      "422 invalid_load_balancer_type",
    );
    await act(made.id, "change_dns_ptr", { ip: made.public_net.ipv6.ip, dns_ptr: "six.example" });
    expect((await read(made.id))?.public_net.ipv6.dns_ptr).toBe("six.example");
    await act(made.id, "change_protection", { delete: true });
    expect(problem(await cloud.delete(path))).toBe("423 protected");
    await act(made.id, "change_protection", { delete: false });
    await cloud.finished((await cloud.delete(path)).body.action);
    expect(onHost(made.id)).toBeUndefined();
    expect(problem(await cloud.get(path))).toBe("404 not_found");
  });

  test.each([
    [{ load_balancer_type: "lb99" }, "404 not_found: load_balancer_type"],
    [{ location: undefined }, "422 invalid_input: location"],
    [{ network_zone: "eu-central" }, "422 invalid_input: location"],
    [{ location: undefined, network_zone: "moon" }, "404 not_found: network_zone"],
    [{ network: 1 }, "404 not_found: network"],
    [{ services: [{ protocol: "tcp", listen_port: 1 }] }, "422 invalid_input: services.0.destination_port"],
    [{ services: [{ protocol: "https" }] }, "422 invalid_input: services.0.http.certificates"],
    [{ services: [tcp, tcp] }, "412 source_port_already_used"],
    [{ targets: [{ type: "server" }] }, "422 invalid_input: targets.0.server"],
    [{ targets: [{ type: "server", server: { id: 1 } }] }, "404 not_found: server"],
    [
      { targets: [{ type: "label_selector", label_selector: { selector: "a=b" }, use_private_ip: true }] },
      "422 load_balancer_not_attached_to_network",
    ],
  ])("is refused with %o", async (input, expected) => {
    const body = { name: "refused", load_balancer_type: "lb11", location: "fsn1", ...input };
    expect(problem(await cloud.post("/load_balancers", body))).toBe(expected);
    expect((await cloud.get("/load_balancers?name=refused")).body.load_balancers).toEqual([]);
  });

  test("has services with Hetzner's defaults, which can be changed in part", async () => {
    const { id } = await make({ services: [{ protocol: "http" }] });
    expect((await read(id))?.services).toEqual([
      {
        protocol: "http",
        listen_port: 80,
        destination_port: 80,
        proxyprotocol: false,
        http: {
          certificates: [],
          cookie_lifetime: 300,
          cookie_name: "HCLBSTICKY",
          redirect_http: false,
          sticky_sessions: false,
          timeout_idle: 60,
        },
        health_check: {
          protocol: "http",
          port: 80,
          interval: 15,
          timeout: 10,
          retries: 3,
          http: { domain: "", path: "/", response: "", status_codes: ["2??", "3??"], tls: false },
        },
      },
    ]);
    await done(id, "add_service", tcp);
    expect(problem(await act(id, "add_service", { ...tcp, listen_port: 80 }))).toBe(
      "412 source_port_already_used",
    );
    await done(id, "update_service", {
      listen_port: 80,
      http: { sticky_sessions: true },
      health_check: { interval: 5, timeout: 3, http: { path: "/readyz", status_codes: ["200"] } },
    });
    expect(onHost(id)?.services[0]).toMatchObject({
      http: { stickySessions: true, cookieName: "HCLBSTICKY" },
      healthCheck: { interval: 5, timeout: 3, retries: 3, http: { path: "/readyz", statusCodes: ["200"] } },
    });
    expect(problem(await act(id, "update_service", { listen_port: 81 }))).toBe("404 not_found: listen_port");
    expect(problem(await act(id, "update_service", { listen_port: 80, health_check: { timeout: 20 } }))).toBe(
      "422 invalid_input: health_check.timeout",
    );
    await done(id, "delete_service", { listen_port: 5432 });
    expect((await read(id))?.services).toHaveLength(1);
    for (const bad of ["a\nb", "a\u0000"]) {
      const change = { listen_port: 80, health_check: { http: { domain: bad } } };
      expect(problem(await act(id, "update_service", change))).toBe(
        "422 invalid_input: health_check.http.domain",
      );
    }
  });

  test("sends traffic to servers, to those that a selector means now, and to addresses", async () => {
    const [named, labelled] = [await cloud.server(), await cloud.server({ labels: { app: "web" } })];
    const ipOf = (server: typeof named) => server.public_net.ipv4?.ip ?? "";
    const { id } = await make({ services: [tcp], targets: [{ type: "server", server: { id: named.id } }] });
    const addTarget = (target: object) => act(id, "add_target", target);
    expect(problem(await addTarget({ type: "server", server: { id: named.id } }))).toBe(
      "422 target_already_defined",
    );
    expect(problem(await addTarget({ type: "ip", ip: { ip: ipOf(named) } }))).toBe(
      "422 cloud_resource_ip_not_allowed",
    );
    await done(id, "add_target", { type: "label_selector", label_selector: { selector: "app=web" } });
    await done(id, "add_target", { type: "ip", ip: { ip: "198.51.100.9" } });
    expect(onHost(id)?.targets).toEqual([
      { id: String(named.id), address: ipOf(named) },
      { id: String(labelled.id), address: ipOf(labelled) },
      { id: "198.51.100.9", address: "198.51.100.9" },
    ]);
    const healthy = [{ listen_port: 5432, status: "healthy" }];
    expect((await read(id))?.targets).toEqual([
      { type: "server", server: { id: named.id }, use_private_ip: false, health_status: healthy },
      {
        type: "label_selector",
        label_selector: { selector: "app=web" },
        use_private_ip: false,
        targets: [
          { type: "server", server: { id: labelled.id }, use_private_ip: false, health_status: healthy },
        ],
      },
      { type: "ip", ip: { ip: "198.51.100.9" }, health_status: healthy },
    ]);
    expect((await cloud.get(`/servers/${named.id}`)).body.server?.load_balancers).toEqual([id]);

    const targets = () => onHost(id)?.targets.map((target) => target.id);
    await cloud.put(`/servers/${labelled.id}`, { labels: {} });
    await expect.poll(targets).toEqual([String(named.id), "198.51.100.9"]);
    const late = await cloud.server({ labels: { app: "web" } });
    await expect.poll(targets).toContain(String(late.id));
    await cloud.finished((await cloud.delete(`/servers/${named.id}`)).body.action);
    await expect.poll(targets).toEqual([String(late.id), "198.51.100.9"]);
    await done(id, "remove_target", { type: "ip", ip: { ip: "198.51.100.9" } });
    expect(problem(await act(id, "remove_target", { type: "ip", ip: { ip: "198.51.100.9" } }))).toBe(
      "404 not_found: type",
    );
  });

  test("works within a private network", async () => {
    const net = await network();
    const server = await cloud.server({ location: "fsn1", networks: [net] });
    const outside = await cloud.server({ location: "fsn1" });
    const { id } = await make({ services: [tcp] });
    const target = (one: number) => ({ type: "server", server: { id: one }, use_private_ip: true });
    expect(problem(await act(id, "add_target", target(server.id)))).toBe(
      "422 load_balancer_not_attached_to_network",
    );
    expect(problem(await act(id, "disable_public_interface"))).toBe(
      "422 load_balancer_not_attached_to_network",
    );
    await done(id, "attach_to_network", { network: net, ip: "10.0.0.9" });
    expect((await read(id))?.private_net).toEqual([{ network: net, ip: "10.0.0.9" }]);
    expect((await cloud.get(`/networks/${net}`)).body.network?.load_balancers).toEqual([id]);
    expect(problem(await act(id, "attach_to_network", { network: net }))).toBe(
      "422 load_balancer_already_attached",
    );
    expect(problem(await act(id, "add_target", target(outside.id)))).toBe(
      "422 resolve_cloud_private_targets_error",
    );
    await done(id, "add_target", target(server.id));
    expect(onHost(id)?.targets).toEqual([{ id: String(server.id), address: server.private_net[0]?.ip }]);
    expect(
      problem(
        await cloud.post(`/servers/${outside.id}/actions/attach_to_network`, {
          network: net,
          ip: "10.0.0.9",
        }),
      ),
    ).toBe("422 ip_not_available");
    await done(id, "disable_public_interface");
    expect(onHost(id)?.addresses).toEqual({});
    expect(problem(await act(id, "add_target", { type: "ip", ip: { ip: "198.51.100.9" } }))).toBe(
      "422 load_balancer_public_interface_disabled",
    );
  });

  test("stays as it was when the computer refuses", async () => {
    const { id } = await make({ services: [tcp] });
    cloud.host.failing.add("loadBalancers.set");
    const { body } = await act(id, "add_service", { ...tcp, listen_port: 1 });
    expect(await cloud.finished(body.action)).toMatchObject({
      command: "add_service",
      status: "error",
      error: { code: "action_failed", message: "loadBalancers.set failed. Ask the test." },
    });
    const unmade = await cloud.post("/load_balancers", {
      name: "unmade",
      load_balancer_type: "lb11",
      location: "fsn1",
    });
    expect((await cloud.finished(unmade.body.action)).status).toBe("error");
    cloud.host.failing.delete("loadBalancers.set");
    expect((await read(id))?.services).toHaveLength(1);
    expect((await cloud.get("/load_balancers?name=unmade")).body.load_balancers).toEqual([]);
  });

  test("is of a type that is on the list", async () => {
    const { body } = await cloud.get("/load_balancer_types");
    expect(body.load_balancer_types?.map(({ name }) => name)).toEqual(["lb11", "lb21", "lb31"]);
    expect((await cloud.get("/load_balancer_types/2")).status).toBe(200);
    expect(problem(await cloud.get("/load_balancer_types/9"))).toBe("404 not_found");
  });
});
