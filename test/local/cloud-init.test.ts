import { afterEach, expect, test } from "vitest";
import { secret } from "../../providers/dukaan/values.js";
import { withBrokenPart } from "../e2e/cloud-proxy.js";
import { TestEngine } from "../unit/provider-engine.js";
import { startTestMachine, type TestMachine } from "./provider-machine.js";

// What a new machine's cloud-init could not do must end the first role on it: cloud-init itself says "done".

let machine: TestMachine | undefined;
afterEach(async () => {
  await machine?.remove();
  machine = undefined;
});

/** What the first role on a machine with such user-data says. */
async function firstRole(change?: (userData: string) => string): Promise<string> {
  machine = await startTestMachine("cloud-init", change);
  return applyRole(machine);
}

async function applyRole({ connection }: TestMachine): Promise<string> {
  const engine = await TestEngine.start();
  try {
    const sealed = { ...connection, privateKey: secret(connection.privateKey) };
    await engine.up("dukaan:index:Role", "first", { connection: sealed, serverId: "1", name: "first" });
    return "applied";
  } catch (error) {
    return String(error);
  } finally {
    engine.close();
  }
}

test("user-data as it should be is taken; without a data source there is none", async () => {
  expect(await firstRole()).toBe("applied");
  await machine!.sh("sed -i 's/DataSourceNoCloud[^ ]*/DataSourceNone/' /run/cloud-init/result.json");
  expect(await applyRole(machine!)).toMatch(/cloud-init found no data source[^]*\.\/dukaan rebuild/);
  await machine!.sh("rm /run/cloud-init/result.json /var/lib/cloud/instance/boot-finished");
  await machine!.sh("echo 'found nothing' >/run/cloud-init/ds-identify.log; touch /run/cloud-init/disabled");
  expect(await applyRole(machine!)).toMatch(/did not run on this machine[^]*found nothing/);
});

test("a part that is no YAML", async () => {
  const said = await firstRole(withBrokenPart);
  expect(said).toMatch(/cloud-init did not take all of the user-data:[^]*yaml/i);
  expect(said).toMatch(/Its log: \/var\/log\/cloud-init\.log[^]*\.\/dukaan rebuild/);
});

test("a module that fails", async () => {
  const said = await firstRole((good) => `${good}runcmd:\n  - [sh, -c, "echo the mirror is away; exit 3"]\n`);
  expect(said).toMatch(/cloud-init ended with errors:[^]*scripts[_-]user[^]*the mirror is away/);
});

test("user-data that is no YAML at all: the machine has not got its host key, and is not trusted", async () => {
  const said = await firstRole((good) => good.replace("ssh_keys:", "ssh_keys: ]"));
  expect(said).toMatch(/shows another host key than the one recorded/);
  expect(said).toMatch(
    /its cloud-init most likely could not read its user-data.*\/var\/log\/cloud-init\.log.*\.\/dukaan rebuild/,
  );
  expect(await machine!.sh("cat /var/log/cloud-init.log")).toMatch(/WARNING.*yaml/i);
});
