import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BaseImage, ensureImage, findImage } from "../../local/image/image.js";
import { projectRoot } from "../../local/machines/project-root.js";
import { until } from "./machine-lab.js";

const sources = `${projectRoot()}/local/image`;

describe("the base image", () => {
  let image: BaseImage;
  beforeAll(async () => {
    image = await ensureImage(() => {});
  });

  test("is built once", async () => {
    const messages: string[] = [];
    const again = await Promise.all([1, 2].map(() => ensureImage((message) => messages.push(message))));
    expect(again).toEqual([image, image]);
    expect(await findImage()).toEqual(image);
    expect(messages).toEqual([]);
  });

  test("has nothing in it that machines must not share", async () => {
    const root = `${image.path}/root`;
    expect((await readdir(`${root}/etc/ssh`)).filter((name) => name.startsWith("ssh_host_"))).toEqual([]);
    expect(await readFile(`${root}/etc/machine-id`, "utf8")).toBe("");
    expect(existsSync(`${root}/etc/hostname`)).toBe(false);
    expect(await readFile(`${root}/etc/shadow`, "utf8")).toMatch(/^root:[*!]/m);
  });

  test("knows no package source but the pool, which has every listed package", async () => {
    const root = `${image.path}/root`;
    const lists = await execa(
      "find",
      [`${root}/etc/apt/sources.list.d`, `${root}/etc/apt/sources.list`, "-type", "f"],
      {
        reject: false,
      },
    );
    expect(lists.stdout).toBe(`${root}/etc/apt/sources.list.d/local.list`);
    const { stdout: mentions } = await execa("grep", ["-rlE", "https?://", `${root}/etc/apt`], {
      reject: false,
    });
    expect(mentions).toBe("");
    const wanted = (await readFile(`${sources}/packages.txt`, "utf8"))
      .split("\n")
      .filter((line) => /^[a-z]/.test(line));
    const index = await readFile(`${image.path}/debian/Packages`, "utf8");
    const offered = new Set([...index.matchAll(/^Package: (.*)$/gm)].map(([, name]) => name));
    const installed = await readdir(`${root}/var/lib/dpkg/info`);
    const missing = wanted.filter((name) => !offered.has(name) && !installed.includes(`${name}.list`));
    expect(missing).toEqual([]);
  });
});

/** The build with a stand-in for mmdebstrap, which takes a minute: it makes the root, or waits to be interrupted. */
describe("a build", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(`${tmpdir()}/image-build-`);
    await mkdir(`${folder}/bin`);
  });
  afterAll(async () => rm(folder, { recursive: true }));

  /** @param script what mmdebstrap does; `$root` is the folder that it should make */
  async function build(script: string, cancelSignal?: AbortSignal) {
    await writeFile(`${folder}/bin/mmdebstrap`, `#!/bin/sh\nfor root; do :; done\n${script}\n`);
    await chmod(`${folder}/bin/mmdebstrap`, 0o755);
    const env = { PATH: `${folder}/bin:${process.env["PATH"]}` };
    const options = {
      env,
      reject: false,
      ...(cancelSignal && { cancelSignal, forceKillAfterDelay: 1 }),
    } as const;
    return execa(`${sources}/build.sh`, [`${folder}/image`], options);
  }

  test("that is interrupted, or fails, leaves no image; the next one starts afresh", async () => {
    const cut = new AbortController();
    const interrupted = build(`mkdir -p "$root/half"; sleep 2`, cut.signal);
    await until(() => existsSync(`${folder}/image.building/root/half`));
    cut.abort();
    expect((await interrupted).isCanceled).toBe(true);
    expect(existsSync(`${folder}/image`)).toBe(false);
    const failed = await build("echo no mirror >&2; exit 1");
    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toContain("no mirror");
    expect(existsSync(`${folder}/image`)).toBe(false);
    const whole = await build(`mkdir -p "$root/whole"`);
    expect(whole.stderr).toBe("");
    expect((await readdir(`${folder}/image`)).sort()).toEqual(["complete", "debian", "root"]);
    expect(await readdir(`${folder}/image/root`)).toEqual(["whole"]);
  });

  test("of an image that is there changes nothing", async () => {
    const { exitCode } = await build("exit 1");
    expect(exitCode).toBe(0);
  });
});
