import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loopDevices } from "../../local/machines/disks.js";
import { tracesOf } from "../../local/machines/traces.js";
import { cloudInitDone, type MachineLab, machineSpec, openLab, sh, shOk, until } from "./machine-lab.js";

let lab: MachineLab;
const GB = 2 ** 30;

beforeAll(async () => {
  lab = await openLab("t-volumes");
  const userData = "#cloud-config\nruncmd: [[touch, /root/made]]\n";
  for (const id of ["1", "2"]) await lab.host.createMachine(await machineSpec(lab, id, userData));
  await lab.host.createVolume({ id: "71", sizeBytes: 10 * GB, format: "ext4" });
  await lab.host.createVolume({ id: "72", sizeBytes: 10 * GB, format: "xfs" });
  await lab.host.createVolume({ id: "73", sizeBytes: 10 * GB });
  await Promise.all(["1", "2"].map((id) => lab.host.startMachine(id)));
  await cloudInitDone(lab, "1");
});
afterAll(async () => lab?.remove());

const device = (volume: string): string => `/dev/disk/by-id/scsi-0HC_Volume_${volume}`;
const mounted = async (id: string, point: string): Promise<string> =>
  (await sh(lab, id, `findmnt -no SOURCE,FSTYPE ${point}`)).stdout.trim().replace(/\s+/g, " ");
const loopsOf = (volume: string) => loopDevices(`${lab.instance.volumesFolder}/${volume}.img`);

describe("a volume", () => {
  test("appears in a running machine where Hetzner has it, and takes a file system of the guest's own", async () => {
    await lab.host.attachVolume("1", "73", false);
    await lab.host.attachVolume("1", "73", false);
    expect(await shOk(lab, "1", `readlink -f ${device("73")}; blockdev --getsize64 ${device("73")}`)).toBe(
      `/dev/sdb\n${10 * GB}`,
    );
    await shOk(lab, "1", `mkfs.ext4 -q ${device("73")} && mkdir /data && mount ${device("73")} /data`);
    await shOk(lab, "1", "echo own > /data/file");
    await lab.host.detachVolume("1", "73");
    expect((await sh(lab, "1", `ls /data/file /dev/sdb ${device("73")}`)).stdout).toBe("");
    expect(await loopsOf("73")).toEqual([]);
  });

  // Growing a mounted ext4 needs CAP_SYS_RESOURCE, which not every computer that runs tests grants.
  const growExt4 = (point: string, disk: string) =>
    `resize2fs ${disk} || { umount ${point}; e2fsck -fp ${disk}; resize2fs ${disk}; mount ${point}; }`;
  const growXfs = (point: string) => `apt-get -qq install --yes xfsprogs >/dev/null; xfs_growfs ${point}`;

  test.each([
    ["71", "ext4", growExt4],
    ["72", "xfs", growXfs],
  ])("%s is formatted (%s) and mounted by itself, grows while it is used", async (volume, type, grow) => {
    const point = `/mnt/HC_Volume_${volume}`;
    await lab.host.attachVolume("1", volume, true);
    expect(await mounted("1", point)).toMatch(new RegExp(`^/dev/sd[bc] ${type}$`));
    await shOk(lab, "1", `echo ${type} > ${point}/file`);
    await lab.host.resizeVolume(volume, 12 * GB);
    expect(await shOk(lab, "1", `blockdev --getsize64 ${device(volume)}`)).toBe(String(12 * GB));
    await shOk(lab, "1", grow(point, device(volume)));
    const size = await shOk(lab, "1", `df --output=size -k ${point} | tail -1`);
    expect(Number(size)).toBeGreaterThan(11 * 2 ** 20);
  });

  test("is mounted before the guest's services start, also after a power cut", async () => {
    const unit = [
      "[Unit]",
      "DefaultDependencies=no",
      "[Service]",
      "Type=oneshot",
      "ExecStart=/bin/sh -c 'cat /mnt/HC_Volume_71/file >/root/seen'",
      "[Install]",
      "WantedBy=sysinit.target",
    ];
    await shOk(
      lab,
      "1",
      `cat >/etc/systemd/system/early.service <<'END'\n${unit.join("\n")}\nEND\nsystemctl enable -q early && sync`,
    );
    await lab.host.powerOffMachine("1");
    expect(await loopsOf("71")).toEqual([]);
    await lab.host.startMachine("1");
    await until(async () => (await sh(lab, "1", "cat /root/seen")).stdout.trim() === "ext4");
    expect(await mounted("1", "/mnt/HC_Volume_72")).toMatch(/xfs$/);
  });

  test("stays attached when the local cloud's process ends, and while the guest reboots", async () => {
    lab = await lab.reopened();
    expect(await shOk(lab, "1", "cat /mnt/HC_Volume_71/file")).toBe("ext4");
    await until(async () =>
      /running|degraded/.test((await sh(lab, "1", "systemctl is-system-running")).stdout),
    );
    await sh(lab, "1", "systemctl reboot");
    await until(() => lab.exits.includes("1 reboot"));
    expect(await shOk(lab, "1", "cat /mnt/HC_Volume_71/file /mnt/HC_Volume_72/file")).toBe("ext4\nxfs");
  });

  test("that is in use is pulled out: nothing more reaches it, what was written is on it", async () => {
    await shOk(
      lab,
      "1",
      "systemd-run --quiet --unit=user sh -c 'exec >/mnt/HC_Volume_71/held; while :; do echo x; sleep 0.05; done'",
    );
    await until(async () => (await sh(lab, "1", "test -s /mnt/HC_Volume_71/held")).exitCode === 0);
    await lab.host.detachVolume("1", "71");
    expect((await sh(lab, "1", "ls /mnt/HC_Volume_71/held")).exitCode).not.toBe(0);
    await lab.host.attachVolume("2", "71", true);
    expect(await shOk(lab, "2", "cat /mnt/HC_Volume_71/file")).toBe("ext4");
    const length = await shOk(lab, "2", "stat -c %s /mnt/HC_Volume_71/held");
    await shOk(lab, "1", "systemctl is-failed user || sleep 0.5");
    expect(await shOk(lab, "2", "stat -c %s /mnt/HC_Volume_71/held")).toBe(length);
    await lab.host.detachVolume("2", "71");
    const { stdout } = await execa("e2fsck", ["-f", "-n", `${lab.instance.volumesFolder}/71.img`]);
    expect(stdout).not.toMatch(/error|corrupt/i);
  });

  test("attached to a machine that is off is there when that starts", async () => {
    await lab.host.powerOffMachine("2");
    await lab.host.attachVolume("2", "71", true);
    await lab.host.startMachine("2");
    expect(await mounted("2", "/mnt/HC_Volume_71")).toBe("/dev/sdb ext4");
  });

  test("is still there when its machine is rebuilt; that begins anew, with its user-data and addresses", async () => {
    await shOk(lab, "2", "touch /root/old; rm /root/made; echo more >/mnt/HC_Volume_71/more; sync");
    const address = await shOk(lab, "2", "ip -o address show eth0 | cut -d' ' -f7");
    await lab.host.rebuildMachine("2");
    await lab.host.startMachine("2");
    await cloudInitDone(lab, "2");
    expect(await shOk(lab, "2", "ls /root")).toBe("made");
    expect(await shOk(lab, "2", "ip -o address show eth0 | cut -d' ' -f7")).toBe(address);
    expect(await shOk(lab, "2", `mount ${device("71")} /mnt && cat /mnt/more && umount /mnt`)).toBe("more");
  });

  test("outlives its machine", async () => {
    await lab.host.removeMachine("1");
    expect(await loopsOf("72")).toEqual([]);
    await lab.host.attachVolume("2", "72", true);
    expect(await shOk(lab, "2", "cat /mnt/HC_Volume_72/file")).toBe("xfs");
    expect((await lab.host.volumes()).sort()).toEqual(["71", "72", "73"]);
    await lab.host.removeVolume("73");
    expect((await lab.host.volumes()).sort()).toEqual(["71", "72"]);
    await expect(lab.host.attachVolume("2", "73", false)).rejects.toThrow(/there is no volume 73/);
  });
});

test("nothing of it stays", async () => {
  const before = await tracesOf(lab.instance);
  expect(before.filter((line) => line.startsWith("loop device")).length).toBeGreaterThanOrEqual(2);
  await lab.remove();
  expect(await tracesOf(lab.instance)).toEqual([]);
});
