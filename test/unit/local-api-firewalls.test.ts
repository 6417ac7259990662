import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { problem, TestCloud } from "./local-api-client.js";

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await TestCloud.start();
});
afterAll(() => cloud.close());

const ssh = { direction: "in", protocol: "tcp", port: "22", source_ips: ["0.0.0.0/0", "::/0"] };
const web = { direction: "in", protocol: "tcp", port: "80-443", source_ips: ["192.0.2.0/24"] };
let count = 0;
const firewall = async (input: object = {}) => {
  const { body } = await cloud.post("/firewalls", { name: `fw-${count++}`, rules: [ssh], ...input });
  if (!body.firewall) throw new Error(JSON.stringify(body));
  return body.firewall;
};
const act = (id: number, action: string, body: object) =>
  cloud.post(`/firewalls/${id}/actions/${action}`, body);
const read = async (id: number) => (await cloud.get(`/firewalls/${id}`)).body.firewall;
const ports = (server: number) =>
  cloud.host.machinesById.get(String(server))?.firewall?.inbound.map(({ port }) => port);
const onServer = (id: number) => ({ type: "server", server: { id } });
const onLabel = (selector: string) => ({ type: "label_selector", label_selector: { selector } });

describe("a firewall", () => {
  test("is made, changed and deleted", async () => {
    const out = { direction: "out", protocol: "icmp", destination_ips: ["10.0.0.0/8"], description: "ping" };
    const made = await firewall({ name: "made", labels: { a: "b" }, rules: [ssh, out] });
    expect(made).toEqual({
      id: made.id,
      name: "made",
      labels: { a: "b" },
      created: made.created,
      rules: [
        { ...ssh, destination_ips: [], description: null },
        { ...out, source_ips: [], port: null },
      ],
      applied_to: [],
    });
    expect(
      (await cloud.put(`/firewalls/${made.id}`, { name: "changed", labels: {} })).body.firewall,
    ).toMatchObject({
      name: "changed",
      labels: {},
    });
    expect(problem(await cloud.post("/firewalls", { name: "changed" }))).toBe("409 uniqueness_error: name");
    expect((await cloud.delete(`/firewalls/${made.id}`)).status).toBe(204);
    expect(problem(await cloud.get(`/firewalls/${made.id}`))).toBe("404 not_found");
  });

  test.each([
    [{ ...ssh, port: undefined }, "rules.0.port"],
    [{ ...ssh, port: "0" }, "rules.0.port"],
    [{ ...ssh, port: "65536" }, "rules.0.port"],
    [{ ...ssh, port: "90-80" }, "rules.0.port"],
    [{ ...ssh, port: "any" }, "rules.0.port"],
    [{ ...ssh, port: "022" }, "rules.0.port"],
    [{ ...ssh, port: "22-080" }, "rules.0.port"],
    [{ ...ssh, port: 22 }, "rules.0.port"],
    [{ ...ssh, protocol: "icmp" }, "rules.0.port"],
    [{ ...ssh, protocol: "sctp" }, "rules.0.protocol"],
    [{ ...ssh, direction: "up" }, "rules.0.direction"],
    [{ ...ssh, source_ips: [] }, "rules.0.source_ips"],
    [{ ...ssh, source_ips: ["10.0.0.1/8"] }, "rules.0.source_ips.0"],
    [{ ...ssh, source_ips: ["2001:db8::1/64"] }, "rules.0.source_ips.0"],
    [{ ...ssh, source_ips: ["10.0.0.0/08"] }, "rules.0.source_ips.0"],
    [{ ...ssh, source_ips: ["2001:db8::/032"] }, "rules.0.source_ips.0"],
    [{ ...ssh, source_ips: ["0.0.0.0/0", "10.0.0.1"] }, "rules.0.source_ips.1"],
    [{ ...ssh, source_ips: ["fe80::1%eth0/128"] }, "rules.0.source_ips.0"],
    [{ ...ssh, destination_ips: ["10.0.0.0/8"] }, "rules.0.destination_ips"],
    [{ ...ssh, direction: "out" }, "rules.0.destination_ips, rules.0.source_ips"],
    [{ ...ssh, description: "a".repeat(256) }, "rules.0.description"],
    [{ ...ssh, source_ips: Array.from({ length: 101 }, (_, i) => `10.0.${i}.0/24`) }, "rules.0.source_ips"],
  ])("refuses the rule %o", async (rule, fields) => {
    const answer = await cloud.post("/firewalls", { name: "refused", rules: [rule] });
    expect(problem(answer)).toBe(`422 invalid_input: ${fields}`);
    expect((await cloud.get("/firewalls?name=refused")).body.firewalls).toEqual([]);
  });

  test("has at most 50 rules and 500 effective ones", async () => {
    const { id } = await firewall();
    const set = (rules: object[]) => act(id, "set_rules", { rules });
    expect(problem(await set(Array.from({ length: 51 }, () => ssh)))).toBe("422 invalid_input: rules");
    const wide = { ...ssh, source_ips: Array.from({ length: 100 }, (_, i) => `10.0.${i}.0/24`) };
    expect(problem(await set([wide, wide, wide, wide, wide, ssh]))).toBe("422 invalid_input: rules");
    expect((await set([wide, wide, wide, wide, wide])).status).toBe(201);
    expect((await set([])).status).toBe(201);
    expect((await read(id))?.rules).toEqual([]);
  });
});

describe("a firewall on servers", () => {
  test("filters what it is applied to, with its present rules", async () => {
    const server = await cloud.server();
    const one = await firewall({ apply_to: [onServer(server.id)] });
    const other = await firewall({ rules: [web] });
    const { body } = await act(other.id, "apply_to_resources", { apply_to: [onServer(server.id)] });
    expect(body.actions).toMatchObject([
      {
        command: "apply_firewall",
        resources: [
          { type: "server", id: server.id },
          { type: "firewall", id: other.id },
        ],
      },
    ]);
    await cloud.finished(body.actions?.[0]);
    expect(ports(server.id)).toEqual(["22", "80-443"]);
    expect((await read(one.id))?.applied_to).toEqual([onServer(server.id)]);
    const { public_net: net } = (await cloud.get(`/servers/${server.id}`)).body.server ?? {};
    expect(net?.firewalls).toEqual([one.id, other.id].map((id) => ({ id, status: "applied" })));

    const set = await act(one.id, "set_rules", { rules: [{ ...ssh, port: "2222" }] });
    expect(set.body.actions?.map(({ command }) => command)).toEqual(["set_firewall_rules", "apply_firewall"]);
    for (const action of set.body.actions ?? []) await cloud.finished(action);
    expect(ports(server.id)).toEqual(["2222", "80-443"]);

    expect(problem(await cloud.delete(`/firewalls/${one.id}`))).toBe("422 resource_in_use");
    const removed = await act(one.id, "remove_from_resources", { remove_from: [onServer(server.id)] });
    expect((await cloud.finished(removed.body.actions?.[0])).command).toBe("remove_firewall");
    expect(ports(server.id)).toEqual(["80-443"]);
    const again = await act(one.id, "remove_from_resources", { remove_from: [onServer(server.id)] });
    expect(again.body.actions).toEqual([]);
    expect((await cloud.delete(`/firewalls/${one.id}`)).status).toBe(204);

    await cloud.finished((await cloud.delete(`/servers/${server.id}`)).body.action);
    expect((await read(other.id))?.applied_to).toEqual([]);
  });

  test("follows labels", async () => {
    const blue = await cloud.server({ labels: { colour: "blue" } });
    const red = await cloud.server({ labels: { colour: "red" } });
    const { id } = await firewall({ apply_to: [onLabel("colour in (blue,green)")] });
    expect((await read(id))?.applied_to).toEqual([
      { ...onLabel("colour in (blue,green)"), applied_to_resources: [onServer(blue.id)] },
    ]);
    expect([ports(blue.id), ports(red.id)]).toEqual([["22"], undefined]);

    await cloud.put(`/servers/${red.id}`, { labels: { colour: "green" } });
    await cloud.put(`/servers/${blue.id}`, { labels: {} });
    expect([ports(blue.id), ports(red.id)]).toEqual([undefined, ["22"]]);
    const born = await cloud.server({ labels: { colour: "blue" } });
    expect(ports(born.id)).toEqual(["22"]);

    const remove = (what: object) => act(id, "remove_from_resources", { remove_from: [what] });
    expect(problem(await remove(onServer(red.id)))).toBe("422 firewall_managed_by_label_selector");
    const { body } = await remove(onLabel("colour in (blue,green)"));
    expect(body.actions).toHaveLength(2);
    for (const action of body.actions ?? []) await cloud.finished(action);
    expect([ports(red.id), ports(born.id)]).toEqual([undefined, undefined]);
  });

  test("is refused where it does not fit", async () => {
    const server = await cloud.server();
    const { id } = await firewall();
    const apply = (...to: object[]) => act(id, "apply_to_resources", { apply_to: to });
    expect(problem(await apply(onServer(1)))).toBe("404 firewall_resource_not_found");
    expect(problem(await apply(onServer(server.id), onServer(server.id)))).toBe("422 server_already_added");
    expect((await read(id))?.applied_to).toEqual([]);
    expect(problem(await apply({ type: "server" }))).toBe("422 invalid_input: apply_to.0.server");
    expect(problem(await apply(onLabel("a b")))).toBe(
      "422 invalid_input: apply_to.0.label_selector.selector",
    );
    expect(problem(await apply({ type: "label_selector" }))).toBe(
      "422 invalid_input: apply_to.0.label_selector",
    );
    expect(problem(await apply())).toBe("422 invalid_input: apply_to");
    await apply(onServer(server.id));
    expect(problem(await apply(onServer(server.id)))).toBe("422 firewall_already_applied");
    const none = { enable_ipv4: false, enable_ipv6: false };
    const inner = await cloud.server({ public_net: none, start_after_create: false });
    expect(problem(await apply(onServer(inner.id)))).toBe("422 private_net_only_server");
    expect(problem(await act(id, "remove_from_resources", { remove_from: [onServer(1)] }))).toBe(
      "404 firewall_resource_not_found",
    );
  });

  test("can be one of five", async () => {
    const server = await cloud.server({ labels: { many: "" } });
    for (let index = 0; index < 5; index++) await firewall({ apply_to: [onServer(server.id)] });
    const body = { name: "sixth", apply_to: [onLabel("many")] };
    expect(problem(await cloud.post("/firewalls", body))).toBe("403 resource_limit_exceeded");
    expect((await cloud.get("/firewalls?name=sixth")).body.firewalls).toEqual([]);
  });
});
