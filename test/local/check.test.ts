import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { doorPidFile } from "../../local/api/door.js";
import { checkInstance } from "../../local/check/check.js";
import { detectControlGroups } from "../../local/machines/cgroups.js";
import { balancerGroup, networkNamespace, servicesGroup } from "../../local/machines/instance.js";
import { nameServerFiles } from "../../local/machines/name-server.js";
import { killAll, leaderOf } from "../../local/machines/nspawn.js";
import { processOf } from "../../local/machines/pid-file.js";
import { storagePidFile } from "../../local/storage/server.js";
import { CrashCloud, killed } from "./crash-cloud.js";
import { until } from "./machine-lab.js";
import { inTheState } from "./sabotage-state.js";
import { command, onComputer, type Target } from "./sabotage.js";

/** A cloud with one of each kind. Its process is killed before anything is broken: nobody puts it right meanwhile. */
let cloud: CrashCloud;
let target: Target;

beforeAll(async () => {
  cloud = await CrashCloud.open("check-t");
  const make = async (path: string, kind: string, body: object): Promise<string> => {
    const answer = await cloud.done("POST", path, body);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the answer to POST
    return String((answer[kind] as { id: number }).id);
  };
  const location = "fsn1";
  const subnets = [{ type: "cloud", network_zone: "eu-central", ip_range: "10.0.0.0/24" }];
  const network = await make("/networks", "network", { name: "net", ip_range: "10.0.0.0/16", subnets });
  const web = await make("/servers", "server", {
    name: "web",
    server_type: "local-512",
    image: "debian-12",
    location,
    ssh_keys: ["operator"],
    networks: [Number(network)],
  });
  const spare = await make("/volumes", "volume", { name: "spare", size: 10, location });
  const used = await make("/volumes", "volume", { name: "used", size: 10, server: Number(web) });
  const balancer = await make("/load_balancers", "load_balancer", {
    name: "front",
    load_balancer_type: "lb11",
    services: [{ protocol: "http" }],
    location,
  });
  await make("/zones", "zone", { name: "check.test", mode: "primary" });
  const found = await cloud.differences();
  if (found.length > 0) throw new Error(found.join("\n"));
  const { stateFile } = cloud;
  target = { instance: await cloud.instance(), stateFile, web, network, used, spare, balancer };
  await cloud.kill();
}, 300_000);
afterAll(async () => cloud?.remove(), 60_000);

/** A single look: nothing is on its way here. */
async function differences(): Promise<string[]> {
  const found = await checkInstance(target.instance, target.stateFile, 0, []);
  return found.differences.map(({ subject, difference }) => `${subject}: ${difference}`);
}

describe("the check names what was broken on purpose", () => {
  test.each([...onComputer, ...inTheState])("$what", async ({ break: breakIt, mend, says }) => {
    const broken = await breakIt(target);
    try {
      expect((await differences()).join("\n")).toMatch(says);
    } finally {
      await mend(target, broken);
    }
  });

  test("and says nothing once all of it is mended", async () => {
    expect(await differences()).toEqual([]);
  });

  test("processes that ended, and a router that is gone; the next start puts all of it right", async () => {
    const { instance, web, network, balancer } = target;
    for (const file of [storagePidFile(instance), doorPidFile(instance), nameServerFiles(instance).pid])
      await killed((await processOf(file)) ?? Number.NaN);
    await killAll(await detectControlGroups(), balancerGroup(instance, balancer));
    await command(`ip netns delete ${networkNamespace(instance, network)}`);
    const found = (await differences()).join("\n");
    expect(found).toMatch(/the object storage: does not run/);
    expect(found).toMatch(/the API's door for machines: does not run/);
    expect(found).toMatch(/the name server: does not run, and there are zones/);
    expect(found).toMatch(/load balancer \d+ \(front\): its HAProxy does not answer/);
    expect(found).toMatch(/network \d+ \(net\): has members, and no router on this computer/);
    process.kill((await leaderOf(instance, web)) ?? Number.NaN, "SIGKILL");
    await until(async () => /the state says running, its machine is off/.test((await differences()).join()));
    await cloud.start();
    await cloud.settled();
    expect(await cloud.differences()).toEqual([]);
  }, 120_000);

  test("lxcfs that ended", async () => {
    const groups = await detectControlGroups();
    await cloud.kill();
    for (const pid of await groups.processes(servicesGroup(target.instance))) {
      if ((await command(`cat /proc/${pid}/comm`)).trim() === "lxcfs") await killed(pid);
    }
    expect((await differences()).join("\n")).toMatch(/lxcfs: does not answer/);
  });
});
