import { afterAll, beforeAll, expect, test } from "vitest";
import { atBest } from "../at-best.js";
import { cutServerPower } from "../../local/client.js";
import { execInMachine } from "../../local/machines/enter.js";
import { CrashCloud } from "./crash-cloud.js";
import { until } from "./machine-lab.js";

let cloud: CrashCloud;
let id: number;

beforeAll(async () => {
  cloud = await CrashCloud.open("power-t");
  const body = { name: "web", server_type: "local-512", image: "debian-12", location: "fsn1" };
  await cloud.done("POST", "/servers", body);
  id = (await cloud.list("servers"))[0]?.id ?? 0;
  // The first start writes to the disk in the background; what is tested is what the test writes.
  await until(async () => (await sh("test -s /run/cloud-init/result.json")).exitCode === 0, 60);
  for (const format of ["ext4", "xfs"]) {
    const volume = { name: format, size: 10, format, server: id, automount: true };
    await cloud.done("POST", "/volumes", volume);
  }
});
afterAll(async () => cloud?.remove());

const sh = async (script: string) => execInMachine(await cloud.instance(), String(id), ["sh", "-c", script]);
const ok = async (script: string): Promise<string> => {
  const { exitCode, stdout, stderr } = await sh(script);
  if (exitCode !== 0) throw new Error(`${script}: ${exitCode}: ${stderr}`);
  return stdout.trim();
};
const status = async () => (await cloud.list("servers"))[0]?.status;
const folders = ["/root", "/mnt/HC_Volume_*"];
const MOUNTED = "test $(grep -c ' /mnt/HC_Volume_' /proc/self/mounts) = 2";
/** Writes a file in the disk and in each volume. */
const write = (name: string, then: string) =>
  ok(
    `${MOUNTED} || exit; for folder in ${folders.join(" ")}; do echo ${name} >$folder/${name}; ${then}; done`,
  );
const present = async (name: string): Promise<number> =>
  Number(
    await ok(
      `for folder in ${folders.join(" ")}; do cat $folder/${name} 2>/dev/null || :; done | grep -cx ${name} || :`,
    ),
  );
/** A server runs before it has mounted its volumes, whose journals are read first. */
const allPresent = (name: string) => until(async () => (await present(name)) === 3, 60);

test("volumes that were mounted once are mounted again, even when the power is cut right after", async () => {
  await cutServerPower(cloud.name, "web");
  await cloud.done("POST", `/servers/${id}/actions/poweron`);
  await until(async () => (await sh("systemctl is-active basic.target")).exitCode === 0, 60);
  expect((await sh(MOUNTED)).exitCode).toBe(0);
});

test("cutting the power loses what was not synced, of disk and volumes, and nothing else", async () => {
  await write("synced", "sync $folder/synced $folder");
  // Whoever syncs on another machine of this computer writes out this one's files as well, but not every time.
  const kept = await atBest(
    (attempt) => keptUnsynced(`unsynced-${attempt}`),
    (places) => places === 0,
  );
  expect(kept).toBe(0);
});

/** Cuts the power right after a file was written. @returns in how many places it is there afterwards */
async function keptUnsynced(name: string): Promise<number> {
  await write(name, ":");
  expect([await present("synced"), await present(name)]).toEqual([3, 3]);
  await cutServerPower(cloud.name, "web");
  expect(await status()).toBe("off");
  expect(await cloud.differences()).toEqual([]);
  await expect(cutServerPower(cloud.name, "web")).rejects.toThrow(/is off/);
  await cloud.done("POST", `/servers/${id}/actions/poweron`);
  await allPresent("synced");
  expect(await cloud.differences()).toEqual([]);
  return present(name);
}

test.each(["reset", "poweroff"])(
  "%s ends a server like a power cut, and loses nothing that it wrote",
  async (how) => {
    await write(how, ":");
    const goodbye =
      "printf '[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStop=/usr/bin/touch /root/stopped\\n'";
    await ok(`${goodbye} >/run/systemd/system/goodbye.service; systemctl start goodbye; rm -f /root/stopped`);
    await cloud.done("POST", `/servers/${id}/actions/${how}`);
    if (how === "poweroff") await cloud.done("POST", `/servers/${id}/actions/poweron`);
    await allPresent(how);
    // Nobody was asked to stop.
    expect((await sh("test -e /root/stopped")).exitCode).toBe(1);
    expect(await cloud.differences()).toEqual([]);
  },
);
