import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bytesTaken, growDisk, requireFreeSpace } from "../../local/machines/disks.js";
import { type Instance, instanceOf } from "../../local/machines/instance.js";
import { renewDisk } from "../../local/machines/lifecycle.js";
import { type MachineRecord, writeImage, writeMachine } from "../../local/machines/records.js";

/** Real file systems in files; no machine. */
const MB = 2 ** 20;
const machine: MachineRecord = {
  id: "7",
  name: "copy",
  imageRoot: "/former/root",
  packagePool: "/former/debian",
  limits: { cores: 1, memoryBytes: 512 * MB, diskBytes: 64 * MB },
  addresses: {},
  attachments: [],
};

let home: string;
let instance: Instance;
let disk: string;
let image: string;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "dukaan-disks-"));
  instance = instanceOf("disks", 0, home);
  disk = `${instance.machinesFolder}/7/disk.img`;
  image = `${instance.imagesFolder}/91/disk.img`;
  mkdirSync(`${instance.machinesFolder}/7`, { recursive: true });
  mkdirSync(`${instance.imagesFolder}/91`, { recursive: true });
  writeFileSync(disk, "the former disk");
  await writeMachine(instance, machine);
  await writeImage(instance, {
    id: "91",
    imageRoot: "/image/root",
    packagePool: "/image/debian",
    diskBytes: 32 * MB,
  });
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** Makes the image's disk, as a machine named "original" left it. */
function imageWith(content: string, script: string): void {
  const folder = join(home, "content");
  mkdirSync(folder);
  execFileSync("bash", ["-ec", script], { cwd: folder });
  execFileSync("mkfs.ext4", ["-q", "-F", "-b", "4096", "-d", folder, image, content]);
}
const asLeft = `mkdir -p upper/etc upper/var/lib/cloud/instances/1
  echo original > upper/etc/hostname
  ln -s instances/1 upper/var/lib/cloud/instance`;

const debugfs = (...commands: string[]): string =>
  execFileSync("debugfs", ["-w", "-f", "-", image], {
    input: commands.join("\n"),
    encoding: "utf8",
    stdio: ["pipe", "pipe", "ignore"],
  });
const look = (request: string): string =>
  execFileSync("debugfs", ["-R", request, disk], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
const recorded = (): MachineRecord =>
  JSON.parse(readFileSync(`${instance.machinesFolder}/7/machine.json`, "utf8"));

test("a copy of an image has the machine's name and size, and is on new ground for cloud-init", async () => {
  imageWith("32M", asLeft);
  await renewDisk(instance, "/base", machine, "91");
  expect(look("cat /upper/etc/hostname").trim()).toBe("copy");
  expect(look("stat /upper/var/lib/cloud/instance")).toBe("");
  expect(spawnSync("e2fsck", ["-f", "-n", disk]).status).toBe(0);
  expect(recorded()).toMatchObject({ imageRoot: "/image/root", limits: { diskBytes: 64 * MB } });
  expect(existsSync(`${disk}.new`)).toBe(false);
});

test("what the journal of the image holds does not bring the other name back at the start", async () => {
  imageWith("32M", asLeft);
  const nameBlock = debugfs("blocks /upper/etc/hostname").match(/^\d+/m)?.[0] ?? "";
  // As after a power cut: the block with the name, as it is, is still to be written from the journal.
  const block = join(home, "block");
  execFileSync("dd", [
    `if=${image}`,
    `of=${block}`,
    "bs=4096",
    `skip=${nameBlock}`,
    "count=1",
    "status=none",
  ]);
  debugfs("journal_open", `journal_write -b ${nameBlock} ${block}`, "journal_close");
  const asLarge = { ...machine, limits: { ...machine.limits, diskBytes: 32 * MB } };
  await renewDisk(instance, "/base", asLarge, "91");
  // As the kernel does when it mounts the disk.
  spawnSync("e2fsck", ["-p", disk]);
  expect(look("cat /upper/etc/hostname").trim()).toBe("copy");
});

test("a disk whose growing was interrupted is grown to its end, and one that is larger stays so", async () => {
  const blocks = () => {
    const told = execFileSync("dumpe2fs", ["-h", image], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return Number(/^Block count: +(\d+)$/m.exec(told)?.[1]);
  };
  imageWith("32M", asLeft);
  // Only the file had been grown.
  truncateSync(image, 64 * MB);
  for (const size of [64 * MB, 32 * MB]) {
    await growDisk(image, size);
    expect(blocks() * 4096).toBe(64 * MB);
    expect(spawnSync("e2fsck", ["-f", "-n", image]).status).toBe(0);
  }
});

test.each([
  ["has no place for the name", "32M", "mkdir -p upper/var", /could not be given the name copy/],
  ["is damaged", undefined, "", /file system of .* is damaged/],
])(
  "an image that %s is refused, and the machine keeps the disk that it has",
  async (_, size, script, why) => {
    if (size === undefined) writeFileSync(image, "no file system");
    else imageWith(size, script);
    await expect(renewDisk(instance, "/base", machine, "91")).rejects.toThrow(why);
    expect(readFileSync(disk, "utf8")).toBe("the former disk");
    expect(recorded().imageRoot).toBe("/former/root");
    expect(existsSync(`${disk}.new`)).toBe(false);
  },
);

test("what is to be copied must fit on this computer besides what machines need", async () => {
  const { bavail, bsize } = statfsSync(home);
  await expect(requireFreeSpace(home, bavail * bsize)).rejects.toThrow(
    /only \d+ MB are free .* Free \d+ MB or more/,
  );
  await expect(requireFreeSpace(home, 2 ** 50)).rejects.toThrow("Free 1073742336 MB or more");
  imageWith("32M", asLeft);
  expect(await bytesTaken(image)).toBeLessThan(16 * MB);
});

test("a machine whose record cannot be written keeps the disk that it has", async () => {
  mkdirSync(`${instance.machinesFolder}/7/machine.json.new`);
  await expect(renewDisk(instance, "/base", machine, undefined)).rejects.toThrow("EISDIR");
  expect(readFileSync(disk, "utf8")).toBe("the former disk");
});
