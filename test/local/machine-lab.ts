import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import ssh2 from "ssh2";
import { reaches } from "../../local/machines/reaches.js";
import { ensureHostPackages } from "../../local/image/host-packages.js";
import { ensureImage } from "../../local/image/image.js";
import { type CommandResult, execInMachine } from "../../local/machines/enter.js";
import type { Host, MachineSpec } from "../../local/machines/host.js";
import { addressesInRealUse } from "../../local/machines/host-routes.js";
import { type Instance, instanceOf, SLOTS } from "../../local/machines/instance.js";
import { createLinuxHost } from "../../local/machines/linux-host.js";
import { acquireSlot, slotsInUse } from "../../local/machines/slots.js";
import { makeLabFolder } from "../lab-folder.js";

export const key = ssh2.utils.generateKeyPairSync("ed25519");

/** The computer's side of a local cloud, without its API, in a state folder of its own. */
export interface MachineLab {
  instance: Instance;
  host: Host;
  home: string;
  image: string;
  /** Told by onExit, e.g. "1 reboot". */
  exits: string[];
  /** As a server that was restarted: the same instance, known by another Host object. */
  reopened(): Promise<MachineLab>;
  /** Removes the instance and the state folder. */
  remove(): Promise<void>;
}

/** @param name of the instance; each test file takes its own */
export async function openLab(name: string): Promise<MachineLab> {
  await ensureHostPackages(() => {});
  const { path } = await ensureImage(() => {});
  const home = await makeLabFolder("/var/lib");
  // The computer's other local clouds may have all slots just now.
  await until(async () => (await slotsInUse()).length < SLOTS, 200);
  const slot = await acquireSlot(name, home);
  return labOf(instanceOf(name, slot, home), home, path);
}

async function labOf(instance: Instance, home: string, image: string): Promise<MachineLab> {
  const { name, slot } = instance;
  const exits: string[] = [];
  const host = createLinuxHost({ instance: name, slot, home, image, onLog: () => {} });
  host.onExit((id, how) => exits.push(`${id} ${how}`));
  await host.up();
  return {
    instance,
    host,
    home,
    image,
    exits,
    async reopened() {
      await host.close();
      return labOf(instance, home, image);
    },
    async remove() {
      await host.down();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** A small machine: 1 core, 512 MiB, 2 GiB of disk; its addresses follow from its id, which is 1 to 40. */
export async function machineSpec(
  { instance }: MachineLab,
  id: string,
  userData = "",
): Promise<MachineSpec & { addresses: { ipv4: string; ipv6Network: string } }> {
  const base = Number(instance.addresses.hostIpv4.split(".")[3]) + 8;
  const used = await addressesInRealUse();
  const free = Array.from({ length: 50 }, (_, index) => `203.0.113.${base + index}`).filter(
    (address) => !used.includes(address),
  );
  const ipv4 = free[Number(id)];
  if (ipv4 === undefined) throw new RangeError(`no address for machine ${id}`);
  return {
    id,
    name: `machine-${id}`,
    image: "debian-12",
    limits: { cores: 1, memoryBytes: 512 * 2 ** 20, diskBytes: 2 * 2 ** 30 },
    userData,
    authorizedKeys: [key.public],
    addresses: { ipv4, ipv6Network: `2001:db8:${instance.slot}:${id}::/64` },
  };
}

/** Runs a shell script in a machine, not by SSH; with the machine's limits. */
export async function sh({ instance }: MachineLab, id: string, script: string): Promise<CommandResult> {
  return execInMachine(instance, id, ["sh", "-c", script]);
}

/** As {@link sh}; its output. @throws when the script fails */
export async function shOk(lab: MachineLab, id: string, script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await sh(lab, id, script);
  if (exitCode !== 0) throw new Error(`machine ${id}: ${script}: ${exitCode}: ${stderr}${stdout}`);
  return stdout.trim();
}

/** Whether a TCP connection from a machine is accepted within a second. */
export async function machineReaches(
  lab: MachineLab,
  from: string,
  to: string,
  port: number,
): Promise<boolean> {
  const { exitCode } = await sh(lab, from, `timeout 1 bash -c ': </dev/tcp/${to}/${port}'`);
  return exitCode === 0;
}

/** Has a machine answer on a TCP port, on all of its addresses, until it is switched off. */
export async function listen(lab: MachineLab, id: string, port: number): Promise<void> {
  await shOk(
    lab,
    id,
    `systemd-run --quiet python3 -m http.server --bind :: --directory /run/systemd ${port}`,
  );
  await until(async () => (await sh(lab, id, `ss -Hltn sport = ${port} | grep -q .`)).exitCode === 0);
}

/** For `expect.poll`: what is so at once. A busy computer may lose one look of a second, and not five of them. */
export const soon = { timeout: 5_000 };

/** Resolves when the condition holds. @param seconds until it throws: so many that no busy computer needs them */
export async function until(condition: () => Promise<boolean> | boolean, seconds = 60): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!(await condition())) {
    if (performance.now() > deadline)
      throw new Error(`still not so after ${seconds} s: ${condition.toString()}`);
    await sleep(30);
  }
}

/** Resolves when cloud-init is done. @throws when it had errors */
export async function cloudInitDone(lab: MachineLab, id: string): Promise<void> {
  await until(async () => (await sh(lab, id, "test -s /run/cloud-init/result.json")).exitCode === 0);
  const result: { v1: { errors: string[] } } = JSON.parse(
    await shOk(lab, id, "cat /run/cloud-init/result.json"),
  );
  if (result.v1.errors.length > 0) throw new Error(`cloud-init: ${result.v1.errors.join("; ")}`);
}

/** Logs in as root by SSH, with the key that machines get, and runs a command; its output. */
export async function ssh(address: string, command: string): Promise<string> {
  await until(() => reaches(address, 22));
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    client.once("error", reject);
    client.once("ready", () => {
      client.exec(command, (error, channel) => {
        if (error !== undefined) return reject(error);
        let output = "";
        channel.on("data", (data: Buffer) => (output += data.toString()));
        channel.once("close", () => {
          client.end();
          resolve(output);
        });
      });
    });
    client.connect({ host: address, username: "root", privateKey: key.private, readyTimeout: 60_000 });
  });
}
