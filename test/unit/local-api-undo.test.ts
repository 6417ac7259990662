import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { HostError } from "../../local/machines/host.js";
import { TestCloud } from "./local-api-client.js";
import { certificateFor } from "./local-api-things.js";

/** What is taken back when the computer refuses it, while others change the same thing. */
let cloud: TestCloud;
beforeAll(async () => {
  cloud = await TestCloud.start();
});
afterAll(() => cloud.close());

type Answering = ReturnType<typeof cloud.post>;
const ends = async (answers: Answering[]) =>
  Promise.all(
    (await Promise.all(answers)).map(async ({ body }) => (await cloud.finished(body.action)).status),
  );

test("of services asked for at once, the refused one leaves the other ones alone and itself nowhere", async () => {
  const input = { name: "lb", load_balancer_type: "lb11", location: "fsn1" };
  const made = await cloud.post("/load_balancers", input);
  await cloud.finished(made.body.action);
  const id = made.body.load_balancer?.id ?? 0;
  const service = (port: number) =>
    cloud.post(`/load_balancers/${id}/actions/add_service`, {
      protocol: "tcp",
      listen_port: port,
      destination_port: port,
    });
  cloud.host.delay = 30;
  cloud.host.refusedPorts.add(2002);
  expect(await ends([service(2001), service(2002), service(2003)])).toEqual(["success", "error", "success"]);
  cloud.host.delay = 0;
  const { services } = (await cloud.get(`/load_balancers/${id}`)).body.load_balancer ?? {};
  expect(services?.map(({ listen_port: port }) => port)).toEqual([2001, 2003]);
  const onHost = cloud.host.balancersById.get(String(id));
  expect(onHost?.services.map(({ listenPort }) => listenPort)).toEqual([2001, 2003]);
});

test("what somebody else has by now is not taken back, and the action ends all the same", async () => {
  const server = await cloud.server({ name: "member", start_after_create: false });
  const subnets = [{ type: "cloud", network_zone: "eu-central", ip_range: "10.0.0.0/24" }];
  const network = (await cloud.post("/networks", { name: "net", ip_range: "10.0.0.0/16", subnets })).body
    .network;
  const path = `/networks/${network?.id}/actions`;
  const joined = await cloud.post(`/servers/${server.id}/actions/attach_to_network`, {
    network: network?.id,
  });
  await cloud.finished(joined.body.action);
  const route = { destination: "10.100.0.0/16", gateway: "10.0.0.2" };
  await cloud.finished((await cloud.post(`${path}/add_route`, route)).body.action);
  cloud.host.delay = 30;
  cloud.host.failing.add("setNetwork");
  const deleted = cloud.post(`${path}/delete_route`, route);
  const added = cloud.post(`${path}/add_route`, route);
  expect(await ends([deleted, added])).toEqual(["error", "error"]);
  cloud.host.failing.clear();
  cloud.host.delay = 0;
});

describe("a refused change of a load balancer is taken back, without what was deleted while it was under way", () => {
  let balancers = 0;
  /** Makes one, in no network. */
  async function balancer(input: object = {}): Promise<number> {
    const body = {
      name: `taken-back-${++balancers}`,
      load_balancer_type: "lb11",
      location: "fsn1",
      ...input,
    };
    const made = await cloud.post("/load_balancers", body);
    expect((await cloud.finished(made.body.action)).status).toBe("success");
    return made.body.load_balancer?.id ?? 0;
  }
  const read = async (id: number) => (await cloud.get(`/load_balancers/${id}`)).body.load_balancer;
  const onHost = (id: number) => cloud.host.balancersById.get(String(id));

  /** Asks for a change, does `meanwhile`, and then has the computer refuse the change. */
  async function refused(path: string, body: object, meanwhile: () => Promise<void>): Promise<void> {
    const gate = Promise.withResolvers<void>();
    const set = vi.spyOn(cloud.host.loadBalancers, "set").mockImplementationOnce(() => gate.promise);
    const { action } = (await cloud.post(path, body)).body;
    await expect.poll(() => set.mock.calls.length).toBeGreaterThan(0);
    await meanwhile();
    gate.reject(new HostError("it is refused", "Ask the test."));
    expect(await cloud.finished(action)).toMatchObject({
      status: "error",
      error: { message: expect.stringContaining("it is refused") },
    });
    set.mockRestore();
  }

  test("its targets", async () => {
    const [first, gone, added] = [await cloud.server(), await cloud.server(), await cloud.server()];
    const target = ({ id }: { id: number }) => ({ type: "server", server: { id } });
    const id = await balancer({ targets: [target(first), target(gone)] });
    await refused(`/load_balancers/${id}/actions/add_target`, target(added), async () => {
      await cloud.finished((await cloud.delete(`/servers/${gone.id}`)).body.action);
    });
    expect((await read(id))?.targets).toMatchObject([{ type: "server", server: { id: first.id } }]);
    await expect.poll(() => onHost(id)?.targets.map((one) => one.id)).toEqual([String(first.id)]);
  });

  test("its services", async () => {
    const made = await cloud.post("/certificates", { name: "deleted", ...certificateFor("thing.example") });
    const certificate = made.body.certificate?.id;
    const https = { protocol: "https", http: { certificates: [certificate] } };
    const id = await balancer({ services: [{ protocol: "http" }, https] });
    await refused(`/load_balancers/${id}/actions/delete_service`, { listen_port: 443 }, async () => {
      expect((await cloud.delete(`/certificates/${certificate}`)).status).toBe(204);
    });
    expect((await read(id))?.services.map(({ listen_port: port }) => port)).toEqual([80]);
    await expect.poll(() => onHost(id)?.services.map(({ listenPort }) => listenPort)).toEqual([80]);
  });

  test("its network", async () => {
    const subnets = [{ type: "cloud", network_zone: "eu-central", ip_range: "10.7.0.0/24" }];
    const made = await cloud.post("/networks", { name: "deleted", ip_range: "10.7.0.0/16", subnets });
    const network = made.body.network?.id;
    const id = await balancer({ network });
    let deleted: ReturnType<typeof cloud.delete> | undefined;
    await refused(`/load_balancers/${id}/actions/detach_from_network`, { network }, async () => {
      // It ends after the change, for which it waits.
      deleted = cloud.delete(`/networks/${network}`);
      await expect.poll(async () => (await cloud.get(`/networks/${network}`)).status).toBe(404);
    });
    expect((await deleted)?.status).toBe(204);
    expect((await read(id))?.private_net).toEqual([]);
    await expect.poll(() => onHost(id)?.network).toBeUndefined();
  });
});
