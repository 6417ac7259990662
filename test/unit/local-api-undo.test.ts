import { afterAll, beforeAll, expect, test } from "vitest";
import { TestCloud } from "./local-api-client.js";

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
