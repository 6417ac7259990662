import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Host } from "../../local/machines/host.js";
import { MemoryHost } from "./local-api-host.js";
import { problem, TestCloud } from "./local-api-client.js";

const basic = { server_type: "local-512", image: "debian-12" };
const zoned = { subnets: [{ type: "cloud", network_zone: "eu-central" }] };

const filesWith = (text: string, folder: string): string[] =>
  readdirSync(folder).filter((name) => readFileSync(join(folder, name), "latin1").includes(text));

describe("an action", () => {
  let cloud: TestCloud;
  beforeEach(async () => {
    cloud = await TestCloud.start();
  });
  afterEach(() => cloud.close());

  test("runs while others are refused, and is seen to run", async () => {
    cloud.host.delay = 200;
    const { body } = await cloud.post("/servers", { ...basic, name: "slow" });
    const path = `/servers/${body.server?.id}`;
    for (const action of ["poweron", "poweroff", "reboot", "reset", "shutdown"]) {
      expect(problem(await cloud.post(`${path}/actions/${action}`))).toBe("423 locked");
    }
    expect(problem(await cloud.delete(path))).toBe("423 locked");
    const running = await cloud.get(`${path}/actions?status=running&sort=command`);
    expect(running.body.actions?.map(({ command }) => command)).toEqual(["create_server", "start_server"]);
    cloud.host.delay = 0;
    await cloud.finished(body.next_actions?.[0]);
    expect((await cloud.get(path)).body.server).toMatchObject({ locked: false, status: "running" });
    expect((await cloud.post(`${path}/actions/poweroff`)).status).toBe(201);
  });

  test("that takes a moment is finished in its first answer", async () => {
    const { id } = await cloud.server();
    cloud.host.delay = 20;
    expect((await cloud.post(`/servers/${id}/actions/poweroff`)).body.action?.status).toBe("success");
    cloud.host.delay = 400;
    expect((await cloud.post(`/servers/${id}/actions/poweron`)).body.action?.status).toBe("running");
    cloud.host.delay = 0;
  });

  test("is found below its resources and by id", async () => {
    const { id } = await cloud.server();
    const network = (await cloud.post("/networks", { name: "n", ip_range: "10.0.0.0/16", ...zoned })).body
      .network;
    const attach = { network: network?.id };
    const { action } = (await cloud.post(`/servers/${id}/actions/attach_to_network`, attach)).body;
    for (const path of [
      `/actions/${action?.id}`,
      `/servers/actions/${action?.id}`,
      `/networks/actions/${action?.id}`,
      `/servers/${id}/actions/${action?.id}`,
      `/networks/${network?.id}/actions/${action?.id}`,
    ]) {
      expect((await cloud.get(path)).body.action?.id).toBe(action?.id);
    }
    expect(problem(await cloud.get(`/firewalls/actions/${action?.id}`))).toBe("404 not_found");
    expect(problem(await cloud.get(`/servers/1/actions`))).toBe("404 not_found");
    const commands = async (path: string) =>
      (await cloud.get(path)).body.actions?.map(({ command }) => command);
    expect(await commands(`/servers/${id}/actions?sort=id:desc`)).toEqual([
      "attach_to_network",
      "start_server",
      "create_server",
    ]);
    expect(await commands(`/networks/actions?status=success&status=error`)).toEqual(["attach_to_network"]);
    expect(await commands(`/actions?id=${action?.id}&id=1`)).toEqual(["attach_to_network"]);
  });

  test("of one server waits for those before it", async () => {
    cloud.host.delay = 5;
    const firewall = (await cloud.post("/firewalls", { name: "fw" })).body.firewall;
    const { body } = await cloud.post("/servers", { ...basic, name: "busy" });
    const id = String(body.server?.id);
    await cloud.post(`/firewalls/${firewall?.id}/actions/apply_to_resources`, {
      apply_to: [{ type: "server", server: { id: body.server?.id } }],
    });
    await cloud.finished(body.next_actions?.[0]);
    expect(cloud.host.calls.filter((call) => call.endsWith(id)).map((call) => call.split(" ")[0])).toEqual([
      "createMachine",
      "setFirewall",
      "startMachine",
      "setFirewall",
    ]);
  });
});

describe("a computer that refuses", () => {
  let cloud: TestCloud;
  beforeEach(async () => {
    cloud = await TestCloud.start();
  });
  afterEach(() => cloud.close());
  const failed = { status: "error", progress: 100, error: { code: "action_failed" } };

  test("to make a machine: the server is gone, its name and addresses are free", async () => {
    cloud.host.failing.add("createMachine");
    const { network } = (await cloud.post("/networks", { name: "n", ip_range: "10.0.0.0/16", ...zoned }))
      .body;
    const { body } = await cloud.post("/servers", { ...basic, name: "again", networks: [network?.id] });
    const action = await cloud.finished(body.action);
    expect(action).toMatchObject(failed);
    expect(action.error?.message).toBe("createMachine failed. Ask the test.");
    for (const next of body.next_actions ?? []) expect((await cloud.finished(next)).status).toBe("error");
    expect(body.next_actions).toHaveLength(2);
    expect(problem(await cloud.get(`/servers/${body.server?.id}`))).toBe("404 not_found");
    expect((await cloud.get("/primary_ips")).body.primary_ips).toEqual([]);
    cloud.host.failing.clear();
    const server = await cloud.server({ name: "again" });
    expect(server.public_net.ipv4?.ip).toBe("203.0.113.10");
  });

  test("to start, stop or delete one: the status says what is", async () => {
    const { id } = await cloud.server();
    const act = async (method: keyof Host, request: Promise<{ body: { action?: { id: number } } }>) => {
      const { body } = await request;
      const action = (await cloud.get(`/actions/${body.action?.id}`)).body.action;
      cloud.host.failing.delete(method);
      return `${action?.status} ${(await cloud.get(`/servers/${id}`)).body.server?.status}`;
    };
    cloud.host.failing.add("powerOffMachine");
    expect(await act("powerOffMachine", cloud.post(`/servers/${id}/actions/poweroff`))).toBe("error running");
    await cloud.post(`/servers/${id}/actions/poweroff`);
    cloud.host.failing.add("startMachine");
    expect(await act("startMachine", cloud.post(`/servers/${id}/actions/poweron`))).toBe("error off");
    cloud.host.failing.add("resizeMachine");
    const change = { server_type: "cx23", upgrade_disk: true };
    expect(await act("resizeMachine", cloud.post(`/servers/${id}/actions/change_type`, change))).toBe(
      "error off",
    );
    expect((await cloud.get(`/servers/${id}`)).body.server?.server_type.name).toBe("local-512");
    cloud.host.failing.add("removeMachine");
    expect(await act("removeMachine", cloud.delete(`/servers/${id}`))).toBe("error unknown");
    expect((await cloud.finished((await cloud.delete(`/servers/${id}`)).body.action)).status).toBe("success");
  });

  test("to change networks and addresses: the state is as before", async () => {
    const { id } = await cloud.server({ start_after_create: false, location: "fsn1" });
    const { network } = (await cloud.post("/networks", { name: "n", ip_range: "10.0.0.0/16", ...zoned }))
      .body;
    const server = async () => (await cloud.get(`/servers/${id}`)).body.server;
    const onServer = async (action: string, body: object) =>
      cloud.finished((await cloud.post(`/servers/${id}/actions/${action}`, body)).body.action);
    const onNetwork = async (action: string, body: object) =>
      cloud.finished((await cloud.post(`/networks/${network?.id}/actions/${action}`, body)).body.action);

    cloud.host.failing.add("attachNetwork");
    expect(await onServer("attach_to_network", { network: network?.id })).toMatchObject(failed);
    expect((await server())?.private_net).toEqual([]);
    cloud.host.failing.clear();
    await onServer("attach_to_network", { network: network?.id, alias_ips: ["10.0.0.9"] });

    cloud.host.failing.add("attachNetwork").add("detachNetwork").add("setNetwork").add("setPublicAddresses");
    const aliases = { network: network?.id, alias_ips: [] };
    expect(await onServer("change_alias_ips", aliases)).toMatchObject(failed);
    expect(await onServer("detach_from_network", { network: network?.id })).toMatchObject(failed);
    expect((await server())?.private_net).toMatchObject([{ ip: "10.0.0.2", alias_ips: ["10.0.0.9"] }]);
    const route = { destination: "10.100.0.0/16", gateway: "10.0.0.9" };
    expect(await onNetwork("add_route", route)).toMatchObject(failed);
    expect(await onNetwork("change_ip_range", { ip_range: "10.0.0.0/8" })).toMatchObject(failed);
    expect((await cloud.get(`/networks/${network?.id}`)).body.network).toMatchObject({
      ip_range: "10.0.0.0/16",
      routes: [],
    });
    const ip = (await server())?.public_net.ipv4?.id;
    const { action } = (await cloud.post(`/primary_ips/${ip}/actions/unassign`)).body;
    expect(await cloud.finished(action)).toMatchObject(failed);
    expect((await server())?.public_net.ipv4?.id).toBe(ip);
  });
});

describe("after the process was killed", () => {
  let folder: string;
  let statePath: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "local-api-"));
    statePath = join(folder, "state.db");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test("the state is there, readable by its owner only", async () => {
    const first = await TestCloud.start({ statePath });
    const { id } = await first.server({ name: "kept" });
    expect(statSync(statePath).mode & 0o777).toBe(0o600);
    await first.close();
    const second = await TestCloud.start({ statePath, host: first.host });
    expect((await second.get(`/servers/${id}`)).body.server).toMatchObject({
      name: "kept",
      status: "running",
    });
    expect(second.host.calls.filter((call) => call.startsWith("startMachine"))).toHaveLength(1);
    expect((await second.server()).id).toBeGreaterThan(id);
    await second.close();
  });

  test("user data is nowhere in the state's files once the server is made, or has failed", async () => {
    const killed = await TestCloud.start({ statePath });
    const sentinel = "sentinel-of-a-private-key".repeat(100);
    killed.host.hanging.add("createMachine");
    await killed.post("/servers", { ...basic, name: "waits", user_data: sentinel });
    expect(filesWith("sentinel-of", folder)).not.toEqual([]);
    killed.host.hanging.clear();
    const second = await TestCloud.start({ statePath, host: killed.host });
    await second.server({ user_data: sentinel });
    second.host.failing.add("createMachine");
    const { body } = await second.post("/servers", { ...basic, name: "fails", user_data: sentinel });
    await second.finished(body.action);
    expect(filesWith("sentinel-of", folder)).toEqual([]);
    await second.close();
  });

  test.each(["createMachine", "setFirewall", "setNetwork", "attachNetwork", "startMachine"] as const)(
    "in %s, the server is made all the same",
    async (method) => {
      const host = new MemoryHost();
      const first = await TestCloud.start({ statePath, host });
      const { network } = (await first.post("/networks", { name: "n", ip_range: "10.0.0.0/16", ...zoned }))
        .body;
      host.hanging.add(method);
      const input = { ...basic, name: "half", networks: [network?.id], user_data: "#cloud-config" };
      const { body } = await first.post("/servers", input);
      await expect.poll(() => host.calls.some((call) => call.startsWith(`${method} `))).toBe(true);
      host.hanging.clear();

      const second = await TestCloud.start({ statePath, host });
      for (const action of [body.action, ...(body.next_actions ?? [])]) {
        expect((await second.finished(action)).error).toBeNull();
      }
      const { server } = (await second.get(`/servers/${body.server?.id}`)).body;
      expect(server).toMatchObject({ status: "running", locked: false, private_net: [{ ip: "10.0.0.2" }] });
      const machine = host.machinesById.get(String(server?.id));
      expect(machine).toMatchObject({ running: true, spec: { userData: "#cloud-config" } });
      expect(machine?.attachments.size).toBe(1);
      await second.close();
    },
  );

  test.each([
    ["removeMachine", "delete", 404],
    ["powerOffMachine", "poweroff", 200],
    ["shutdownMachine", "reboot", 200],
    ["startMachine", "reboot", 200],
  ] as const)("in %s, %s is brought to its end", async (method, what, status) => {
    const host = new MemoryHost();
    const first = await TestCloud.start({ statePath, host });
    const { id } = await first.server();
    host.hanging.add(method);
    const path = `/servers/${id}`;
    const { body } = await (what === "delete" ? first.delete(path) : first.post(`${path}/actions/${what}`));
    expect(body.action?.status).toBe("running");
    host.hanging.clear();

    const second = await TestCloud.start({ statePath, host });
    expect((await second.finished(body.action)).status).toBe("success");
    expect((await second.get(path)).status).toBe(status);
    expect(host.machinesById.get(String(id))?.running).toBe(
      { delete: undefined, poweroff: false, reboot: true }[what],
    );
    await second.close();
  });

  test("machines and servers are brought together", async () => {
    const host = new MemoryHost();
    const first = await TestCloud.start({ statePath, host });
    const [stopped, lost, off] = [
      await first.server(),
      await first.server(),
      await first.server({ start_after_create: false }),
    ];
    await first.close();
    await host.createMachine({ ...host.machinesById.get(String(off.id))!.spec, id: "99" });
    host.machinesById.get(String(stopped.id))!.running = false;
    host.machinesById.delete(String(lost.id));

    const second = await TestCloud.start({ statePath, host });
    const { actions } = (await second.get(`/servers/${stopped.id}/actions?sort=id:desc`)).body;
    expect((await second.finished(actions?.[0])).command).toBe("start_server");
    // Once when it was made, once now.
    expect(host.calls.filter((call) => call === `startMachine ${stopped.id}`)).toHaveLength(2);
    expect([...host.machinesById].map(([id, { running }]) => [id, running])).toEqual([
      [String(stopped.id), true],
      [String(off.id), false],
    ]);
    expect((await second.get("/servers")).body.servers?.map(({ id, status }) => [id, status])).toEqual([
      [stopped.id, "running"],
      [off.id, "off"],
    ]);
    expect(problem(await second.get(`/primary_ips/${lost.public_net.ipv4?.id}`))).toBe("404 not_found");
    await second.close();
  });

  test("and the computer restarted while a firewall was applied, the server is started all the same", async () => {
    const host = new MemoryHost();
    const first = await TestCloud.start({ statePath, host });
    const { id } = await first.server();
    const { firewall } = (await first.post("/firewalls", { name: "fw" })).body;
    host.hanging.add("setFirewall");
    const apply_to = [{ type: "server", server: { id } }];
    await first.post(`/firewalls/${firewall?.id}/actions/apply_to_resources`, { apply_to });
    host.hanging.clear();
    host.machinesById.get(String(id))!.running = false;

    const second = await TestCloud.start({ statePath, host });
    const { actions } = (await second.get(`/servers/${id}/actions`)).body;
    for (const action of actions ?? []) expect((await second.finished(action)).status).toBe("success");
    expect(host.machinesById.get(String(id))).toMatchObject({ running: true, firewall: { inbound: [] } });
    expect((await second.get(`/servers/${id}`)).body.server?.status).toBe("running");
    await second.close();
  });

  test("a database of a newer version is not touched", async () => {
    const { DatabaseSync } = await import("node:sqlite");
    const database = new DatabaseSync(statePath);
    database.exec("PRAGMA user_version = 1000");
    database.close();
    await expect(TestCloud.start({ statePath })).rejects.toThrow("made by a newer one");
  });
});
