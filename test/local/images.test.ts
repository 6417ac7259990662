import { spawn } from "node:child_process";
import { chmod, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTimeOf } from "../../local/machines/pid-file.js";
import { projectRoot } from "../../local/machines/project-root.js";
import { tracesOf } from "../../local/machines/traces.js";
import { cloudInitDone, type MachineLab, machineSpec, openLab, sh, shOk, ssh, until } from "./machine-lab.js";

let lab: MachineLab;
const MB = 2 ** 20;

beforeAll(async () => {
  lab = await openLab("t-images");
  await lab.host.createMachine(await machineSpec(lab, "1"));
  await lab.host.startMachine("1");
  await cloudInitDone(lab, "1");
});
afterAll(async () => lab?.remove());

async function machineFromImage(id: string, imageId: string, gigabytes = 3): Promise<void> {
  const spec = await machineSpec(lab, id);
  await lab.host.createMachine({
    ...spec,
    imageId,
    limits: { ...spec.limits, diskBytes: gigabytes * 1024 * MB },
  });
  await lab.host.startMachine(id);
  await cloudInitDone(lab, id);
}

test("an image of a running machine holds what it wrote, not what it deleted, and makes a machine of its own", async () => {
  await shOk(
    lab,
    "1",
    `echo kept > /root/kept; head -c ${100 * MB} /dev/urandom > /root/deleted; sync; rm /root/deleted; sync`,
  );
  // Writes go on while the image is made.
  await shOk(lab, "1", "systemd-run --quiet sh -c 'while :; do date >> /root/log; sleep 0.01; done'");
  const bytes = await lab.host.images.create("1", "91");
  expect(bytes).toBeLessThan(90 * MB);
  expect(await lab.host.images.create("1", "91")).toBe(bytes);
  expect((await stat(`${lab.instance.imagesFolder}/91/disk.img`)).size).toBe(2 * 1024 * MB);
  expect(await lab.host.images.ids()).toEqual(["91"]);
  // It thawed: the machine writes again.
  await shOk(lab, "1", "touch /root/after && sync");

  await machineFromImage("2", "91");
  const told = "cat /root/kept; ls /root/after 2>/dev/null; hostname; cat /etc/hostname";
  expect((await sh(lab, "2", told)).stdout.trim()).toBe("kept\nmachine-2\nmachine-2");
  expect(Number(await shOk(lab, "2", "df --output=size -m / | tail -1"))).toBeGreaterThan(2700);
  // Its own host key, so that nobody can pass it off as the other one.
  const hostKey = "cut -d' ' -f2 /etc/ssh/ssh_host_ed25519_key.pub";
  expect(await shOk(lab, "2", hostKey)).not.toBe(await shOk(lab, "1", hostKey));
});

test("a machine is rebuilt from an image, also from one of a machine that was off or is gone", async () => {
  await shOk(lab, "2", "echo second > /root/kept");
  await lab.host.powerOffMachine("2");
  await lab.host.images.create("2", "92");
  await lab.host.rebuildMachine("2");
  await lab.host.startMachine("2");
  expect((await sh(lab, "2", "cat /root/kept")).exitCode).not.toBe(0);
  await lab.host.removeMachine("2");
  await lab.host.rebuildMachine("1", "91");
  await lab.host.startMachine("1");
  expect(await shOk(lab, "1", "cat /root/kept; hostname")).toBe("kept\nmachine-1");
  await machineFromImage("3", "92");
  expect(await shOk(lab, "3", "cat /root/kept; hostname")).toMatch(/^.*\nmachine-3$/);
});

test("what an interrupted copy left is no image, and an image that is removed is gone", async () => {
  await expect(lab.host.images.create("77", "93")).rejects.toThrow("there is no machine 77");
  await expect(machineFromImage("4", "93")).rejects.toThrow("there is no image 93");
  await lab.host.images.remove("92");
  await lab.host.images.remove("92");
  expect(await lab.host.images.ids()).toEqual(["91"]);
});

test("what a machine uses is counted: processor, disk and the public interface", async () => {
  const [before] = await lab.host.usage(["1", "77"]);
  if (!before) throw new Error("machine 1 is not counted");
  await shOk(
    lab,
    "1",
    // For a second of the processor, however long it takes to get one.
    "sh -c 'ulimit -t 1; while :; do :; done'; head -c 20000000 /dev/zero > /root/zeros; sync",
  );
  const address = (await machineSpec(lab, "1")).addresses.ipv4;
  await ssh(address, "head -c 3000000 /dev/zero");
  const [after] = await lab.host.usage(["1"]);
  if (!after) throw new Error("machine 1 is not counted");
  expect(after.cpuSeconds - before.cpuSeconds).toBeGreaterThan(0.8);
  expect(after.diskBytesWritten - before.diskBytesWritten).toBeGreaterThan(19_000_000);
  expect(after.diskWrites).toBeGreaterThan(before.diskWrites);
  expect(after.bytesOut - before.bytesOut).toBeGreaterThan(2_900_000);
  expect(after.bytesOut - before.bytesOut).toBeGreaterThan(5 * (after.bytesIn - before.bytesIn));
  expect(after.packetsIn).toBeGreaterThan(before.packetsIn);
});

/** While `work` runs, copies take for ever; it is given what waits for one to have begun and tells its process. */
async function withEndlessCopies(work: (begun: () => Promise<number>) => Promise<void>): Promise<void> {
  const folder = join(lab.home, "endless");
  await mkdir(folder, { recursive: true });
  const pidFile = join(folder, "pid");
  await rm(pidFile, { force: true });
  // $4: the target. The kernel calls it so until it is over.
  const script = `#!/bin/sh\necho half > "$4"\necho $$ > ${pidFile}.new && mv ${pidFile}.new ${pidFile}\nexec sleep 1000\n`;
  await writeFile(join(folder, "cp"), script);
  await chmod(join(folder, "cp"), 0o755);
  const before = process.env["PATH"];
  process.env["PATH"] = `${folder}:${before}`;
  try {
    await work(async () => {
      const pid = async () => Number(await readFile(pidFile, "utf8").catch(() => ""));
      await until(async () => (await pid()) > 0);
      return pid();
    });
  } finally {
    process.env["PATH"] = before;
  }
}
const hasEnded = async (pid: number): Promise<boolean> => (await startTimeOf(pid)) === undefined;
const parentOf = async (pid: number): Promise<number> =>
  Number(/^PPid:\s+(\d+)$/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]);

test("a copy ends with its host: the machine goes on, and the next host makes the image", async () => {
  await withEndlessCopies(async (begun) => {
    const refusal = lab.host.images.create("1", "95").catch((error: unknown) => error);
    const copying = await begun();
    await lab.host.close();
    expect(String(await refusal)).toContain("image 95 was interrupted");
    expect(await hasEnded(copying)).toBe(true);
  });
  await shOk(lab, "1", "touch /root/goes-on && sync");
  lab = await lab.reopened();
  await expect(machineFromImage("5", "95")).rejects.toThrow("there is no image 95");
  await lab.host.images.create("1", "95");
  expect((await stat(`${lab.instance.imagesFolder}/95/disk.img`)).size).toBe(2 * 1024 * MB);
});

/** As a server that makes an image and can be killed at it. */
function otherHost(imageId: string) {
  const { name, slot } = lab.instance;
  const options = JSON.stringify({ instance: name, slot, home: lab.home, image: lab.image });
  const program = `
    import { createLinuxHost } from "${projectRoot()}/dist/local/machines/linux-host.js";
    const host = createLinuxHost({ ...${options}, onLog: () => {} });
    await host.images.create("1", "${imageId}");`;
  return spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: "ignore" });
}

test("a copy ends with a host that is killed; the end of the cloud thaws what was left frozen, and leaves nothing", async () => {
  await withEndlessCopies(async (begun) => {
    const killed = otherHost("96");
    const copying = await begun();
    killed.kill("SIGKILL");
    await until(() => hasEnded(copying));
    await shOk(lab, "1", "touch /root/goes-on && sync");
  });
  await withEndlessCopies(async (begun) => {
    const killed = otherHost("97");
    const copying = await begun();
    // Stopped, it hears nothing of the end of its host, and so thaws nothing.
    const shell = await parentOf(copying);
    process.kill(shell, "SIGSTOP");
    killed.kill("SIGKILL");
    await until(() => hasEnded(killed.pid ?? 0));
    process.kill(shell, "SIGKILL");
    process.kill(copying, "SIGKILL");
    await until(async () => (await hasEnded(shell)) && (await hasEnded(copying)));
  });
  // It waits for the disk, and cannot be killed at that.
  await shOk(lab, "1", "sh -c 'date > /root/waiting' </dev/null >/dev/null 2>&1 &");
  await lab.host.down();
  expect(await tracesOf(lab.instance)).toEqual([]);
});
