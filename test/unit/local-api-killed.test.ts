import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { State } from "../../local/state/database.js";
import { TestCloud } from "./local-api-client.js";
import { MemoryHost } from "./local-api-host.js";

/** What hangs until the process is killed, and what is asked for; the next process brings it to its end. */
describe("after the process was killed with volumes, floating IPs and load balancers under way", () => {
  let folder: string;
  let host: MemoryHost;
  let first: TestCloud;
  let server: number;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "dukaan-killed-"));
    host = new MemoryHost();
    first = await TestCloud.start({ statePath: join(folder, "state.db"), host });
    server = (await first.server({ location: "fsn1", labels: { app: "web" } })).id;
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Asks while `method` never ends, and goes on with another process. */
  async function killedIn(method: string, path: string, body: object): Promise<TestCloud> {
    host.hanging.add(method);
    const answer = await first.post(path, body);
    if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
    host.hanging.clear();
    const second = await TestCloud.start({ statePath: join(folder, "state.db"), host });
    for (const action of [answer.body.action, ...(answer.body.next_actions ?? [])]) {
      expect(await second.finished(action)).toMatchObject({ status: "success" });
    }
    return second;
  }

  test.each(["createVolume", "attachVolume"])("in %s, the volume is made and attached", async (method) => {
    const body = { name: "half", size: 10, server, automount: true };
    const second = await killedIn(method, "/volumes", body);
    const [volume] = (await second.get("/volumes?name=half")).body.volumes ?? [];
    expect(volume).toMatchObject({ status: "available", server });
    expect(host.attached.get(String(volume?.id))).toBe(String(server));
    await second.close();
  });

  test("in setPublicAddresses, the floating IP is where it was sent", async () => {
    const second = await killedIn("setPublicAddresses", "/floating_ips", { type: "ipv4", server });
    const [floating] = (await second.get("/floating_ips")).body.floating_ips ?? [];
    expect(floating?.server).toBe(server);
    expect(host.machinesById.get(String(server))?.spec.addresses.floatingIpv4).toEqual([floating?.ip]);
    await second.close();
  });

  test("in the making of a load balancer, it is made", async () => {
    const second = await killedIn("loadBalancers.set", "/load_balancers", {
      name: "half",
      load_balancer_type: "lb11",
      location: "fsn1",
      services: [{ protocol: "http" }],
      targets: [{ type: "label_selector", label_selector: { selector: "app=web" } }],
    });
    const [balancer] = (await second.get("/load_balancers")).body.load_balancers ?? [];
    expect(host.balancersById.get(String(balancer?.id))?.targets).toMatchObject([{ id: String(server) }]);
    await second.close();
  });

  test("one that lost its load balancer on the computer, or has one too many, is put right at the start", async () => {
    const { body } = await first.post("/load_balancers", {
      name: "kept",
      load_balancer_type: "lb11",
      location: "fsn1",
    });
    await first.finished(body.action);
    const id = String(body.load_balancer?.id);
    await first.close();
    const kept = host.balancersById.get(id);
    if (!kept) throw new Error("the load balancer was not made");
    host.balancersById.clear();
    host.balancersById.set("7", { ...kept, id: "7" });
    const second = await TestCloud.start({ statePath: join(folder, "state.db"), host });
    expect([...host.balancersById.keys()]).toEqual([id]);
    await second.close();
  });

  test("in a rebuild, the server is rebuilt and runs", async () => {
    const second = await killedIn("rebuildMachine", `/servers/${server}/actions/rebuild`, {
      image: "debian-12",
    });
    expect((await second.get(`/servers/${server}`)).body.server?.status).toBe("running");
    expect(host.machinesById.get(String(server))?.running).toBe(true);
    await second.close();
  });

  test("in a rebuild that an earlier version began, the server is rebuilt from the image in its row", async () => {
    const made = await first.post(`/servers/${server}/actions/create_image`, {});
    await first.finished(made.body.action);
    const image = made.body.image?.id ?? 0;
    host.hanging.add("rebuildMachine");
    const { action } = (await first.post(`/servers/${server}/actions/rebuild`, { image })).body;
    host.hanging.clear();
    // That version wrote the image into the row at once, and nothing beside the action.
    const state = new State(join(folder, "state.db"));
    state.update("servers", server, { image_id: image });
    state.run("UPDATE actions SET arguments = '{}' WHERE id = ?", action?.id ?? 0);
    state.close();
    const second = await TestCloud.start({ statePath: join(folder, "state.db"), host });
    expect(await second.finished(action)).toMatchObject({ status: "success" });
    expect(host.machinesById.get(String(server))?.spec.imageId).toBe(String(image));
    expect((await second.get(`/servers/${server}`)).body.server?.image?.id).toBe(image);
    await second.close();
  });

  test("and a volume was lost, its server runs all the same", async () => {
    const body = { name: "lost", size: 10, server };
    const answer = await first.post("/volumes", body);
    for (const action of [answer.body.action, ...(answer.body.next_actions ?? [])])
      await first.finished(action);
    await first.close();
    host.volumesById.clear();
    const machine = host.machinesById.get(String(server));
    if (machine) machine.running = false;
    const second = await TestCloud.start({ statePath: join(folder, "state.db"), host });
    await expect.poll(() => host.machinesById.get(String(server))?.running).toBe(true);
    await second.close();
  });
});
