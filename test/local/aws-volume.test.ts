import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, open, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { projectRoot } from "../../src/project.js";

// The programs that a machine on AWS gets, with real block devices of this computer.
const here = join(projectRoot, "src/roles/volume");
const size = 96 * 2 ** 20;
let folder: string;
let device: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dukaan-aws-volume-"));
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  const disk = join(folder, "disk");
  await rm(disk, { force: true });
  await writeFile(disk, "");
  await truncate(disk, size);
  device = (await execa("losetup", ["--find", "--show", disk])).stdout;
  await writeFile(join(folder, "volume"), `device=${device}\nsizeGB=1\npath=${folder}/data\n`);
});
afterEach(() => execa("losetup", ["--detach", device]));

const make = () =>
  execa("sh", [join(here, "make-file-system.sh"), join(folder, "volume")], { reject: false });
const check = () =>
  execa("sh", [join(here, "volume.sh"), "check", join(folder, "volume")], { reject: false });
const typeOf = async () => (await execa("blkid", ["--probe", "-o", "value", "-s", "TYPE", device])).stdout;
async function writeAt(position: number, bytes: Buffer): Promise<void> {
  const file = await open(device, "r+");
  await file.write(bytes, 0, bytes.length, position);
  await file.sync();
  await file.close();
}
async function digest(): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(device), hash);
  return hash.digest("hex");
}

describe("a blank volume", () => {
  test("gets its file system when it is empty, and never again", async () => {
    expect((await check()).stderr).toContain("holds no file system");
    expect(await make()).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await check()).toMatchObject({ exitCode: 0 });
    expect(await typeOf()).toBe("ext4");
    const point = join(folder, "data");
    const write = `mkdir -p ${point} && mount ${device} ${point} && echo orders >${point}/file && umount ${point}`;
    await execa("sh", ["-c", write]);
    const before = await digest();
    expect(await make()).toMatchObject({ exitCode: 0 });
    expect(await digest()).toBe(before);
  });

  const mkswap = () => execa("mkswap", ["--quiet", device]);
  const mkext2 = () => execa("mkfs.ext2", ["-q", device]);
  /** One partition of 10 MiB, and nothing in it. */
  const partition = () => {
    const entry = Buffer.from("00000000830000000008000000500000", "hex");
    return writeAt(446, Buffer.concat([entry, Buffer.alloc(48), Buffer.from("55aa", "hex")]));
  };
  /** LUKS, version 1. */
  const encrypt = () => writeAt(0, Buffer.from("LUKS\xba\xbe\x00\x01", "latin1"));

  test.each([
    ["swap space", mkswap],
    ["an ext2 file system", mkext2],
    ["a partition table and nothing else", partition],
    ["an encrypted volume", encrypt],
  ])("is left as it is with %s on it, and refused", async (_, write) => {
    await write();
    const before = await digest();
    expect(await make()).toMatchObject({ exitCode: 0 });
    expect(await digest()).toBe(before);
    expect((await check()).stderr).toMatch(/not ext4/);
  });

  test("is left as it is with data that nobody knows, and says what to do", async () => {
    await writeAt(9_000_000, Buffer.from("orders"));
    const before = await digest();
    const { exitCode, stderr } = await make();
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/is not empty[^]*it was left as it is[^]*dd if=\/dev\/zero/);
    expect(await digest()).toBe(before);
  });

  test("is not taken for empty when it cannot be read", async () => {
    const broken = `${device} is broken`;
    const bin = join(folder, "bin");
    // What it does with a disk that answers with errors; loop devices have none.
    const failing = `#!/bin/sh\necho "wipefs: error: ${broken}" >&2\nexit 1\n`;
    await execa("sh", ["-c", `mkdir -p ${bin} && cat >${bin}/wipefs && chmod +x ${bin}/wipefs`], {
      input: failing,
    });
    const before = await digest();
    const words = [join(here, "make-file-system.sh"), join(folder, "volume")];
    const result = await execa("sh", words, {
      reject: false,
      env: { PATH: `${bin}:${process.env["PATH"]}` },
    });
    expect(result.exitCode).not.toBe(0);
    expect(result.stderr).toContain(broken);
    expect(await digest()).toBe(before);
  });

  test("has a whole file system although whoever makes it is stopped", async () => {
    const bin = join(folder, "slow");
    // The moment at which it is stopped is made, not hoped for.
    const slow = `#!/bin/sh\nkill -TERM -- -$(ps -o pgid= -p $$ | tr -d ' ')\nsleep 0.2\nexec ${await pathOf("mkfs.ext4")} "$@"\n`;
    await execa("sh", ["-c", `mkdir -p ${bin} && cat >${bin}/mkfs.ext4 && chmod +x ${bin}/mkfs.ext4`], {
      input: slow,
    });
    const words = ["--wait", "sh", join(here, "make-file-system.sh"), join(folder, "volume")];
    const result = await execa("setsid", words, {
      reject: false,
      env: { PATH: `${bin}:${process.env["PATH"]}` },
    });
    expect(result.exitCode).toBe(0);
    expect(await check()).toMatchObject({ exitCode: 0 });
    await execa("e2fsck", ["-f", "-n", device]);
  });
});

async function pathOf(program: string): Promise<string> {
  return (await execa("sh", ["-c", `command -v ${program}`])).stdout;
}
