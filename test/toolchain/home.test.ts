import { createHash } from "node:crypto";
import { chmodSync, readFileSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { list } from "tar";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { imageLibrary } from "../../toolchain/image-library.js";
import { addPlugin, hasPlugin, isIntact, makeHome } from "../../toolchain/home.js";
import {
  ensureImageLibrary,
  ensureNodeRuntime,
  ensureToolchain,
  ensureVersitygw,
  inspectToolchain,
} from "../../toolchain/index.js";
import { findInstalled, versionOf } from "../../toolchain/installed.js";
import { awsPlugin, plugins, pulumi, type Tool, toolDirectory, versitygw } from "../../toolchain/tools.js";
import { quickest } from "../quickest.js";
import { temporaryFolder, writeFiles } from "./files.js";

afterEach(() => void vi.unstubAllEnvs());

/** Puts a script in place of a tool, which says that it is the given version. */
function pretend(folder: string, tool: Tool, version: string): string {
  const path = join(folder, tool.executable);
  writeFiles(folder, { [tool.executable]: `#!/bin/sh\necho v${version}\n` });
  chmodSync(path, 0o755);
  return path;
}

describe("with all tools in the cache", () => {
  beforeAll(async () => void (await ensureToolchain()));

  test("ensureToolchain has nothing to say and takes milliseconds", async () => {
    const messages: string[] = [];
    const took = await quickest(30, () =>
      ensureToolchain({ onProgress: (message) => messages.push(message) }),
    );
    expect(messages).toEqual([]);
    expect(took).toBeLessThan(30);
  });

  test("its environment runs the pinned Pulumi, with the pinned plugins and the user's login", async () => {
    vi.stubEnv("PULUMI_HOME", "/home/someone/.pulumi");
    vi.stubEnv("PULUMI_CREDENTIALS_PATH", "");
    const { binDir, pulumiHome, env } = await ensureToolchain();
    expect(env).toMatchObject({ PULUMI_HOME: pulumiHome, PULUMI_CREDENTIALS_PATH: "/home/someone/.pulumi" });
    expect(env["PATH"]).toBe(`${binDir}:${process.env["PATH"]}`);
    expect((await execa("pulumi", ["version"], { env })).stdout).toBe(`v${pulumi.version}`);
    const { stdout } = await execa("pulumi", ["plugin", "ls", "--json"], { env });
    const listed: { name: string; version: string }[] = JSON.parse(stdout);
    expect(listed).toEqual(
      expect.arrayContaining(plugins.map(({ name, version }) => expect.objectContaining({ name, version }))),
    );
  });

  test("inspectToolchain finds everything ok", async () => {
    const reports = await inspectToolchain();
    expect(reports.map(({ tool, ok }) => `${tool}: ${ok}`)).toEqual(
      expect.arrayContaining([
        "Node.js: true",
        "Pulumi CLI: true",
        "Pulumi plugin hcloud: true",
        "Pulumi plugin random: true",
        "Pulumi language host: true",
      ]),
    );
  });
});

test("versitygw is there in its pinned version, and then takes milliseconds", async () => {
  const path = await ensureVersitygw();
  expect(await versionOf(versitygw, path)).toBe(versitygw.version);
  const took = await quickest(30, async () => expect(await ensureVersitygw()).toBe(path));
  expect(took).toBeLessThan(30);
});

test("inspectToolchain says of each missing tool what to do, and makes nothing", async () => {
  const cache = join(temporaryFolder(), "cache");
  vi.stubEnv("DUKAAN_CACHE", cache);
  vi.stubEnv("HOME", cache);
  vi.stubEnv("PATH", "/nowhere");
  vi.stubEnv("PULUMI_HOME", "");
  const reports = await inspectToolchain();
  const missing = reports.filter(({ ok }) => !ok);
  expect(missing.map(({ tool }) => tool)).toEqual(
    expect.arrayContaining([
      "Pulumi CLI",
      "Pulumi plugin hcloud",
      "Pulumi plugin random",
      "Pulumi plugin aws",
      "Pulumi language host",
      "Go",
    ]),
  );
  expect(missing.filter(({ optional }) => optional).map(({ tool }) => tool)).toEqual(["Pulumi plugin aws"]);
  for (const { remedy, path } of missing) {
    expect(remedy).toMatch(/\.\/dukaan up/);
    expect(path).toBeUndefined();
  }
  expect(() => realpathSync(cache)).toThrow("ENOENT");
});

test("a tool that is installed in exactly the wanted version is used, another version is not", async () => {
  const folder = temporaryFolder();
  vi.stubEnv("PULUMI_HOME", join(folder, "home"));
  vi.stubEnv("HOME", folder);
  vi.stubEnv("PATH", `${join(folder, "old")}:${join(folder, "new")}:/usr/bin:/bin`);
  pretend(join(folder, "old"), pulumi, "3.1.0");
  expect(await findInstalled(pulumi)).toBeUndefined();
  const path = pretend(join(folder, "new"), pulumi, pulumi.version);
  expect(await findInstalled(pulumi)).toBe(path);

  const [hcloud] = plugins;
  if (!hcloud) throw new Error("no plugins");
  expect(await findInstalled(hcloud)).toBeUndefined();
  const installed = join(folder, ".pulumi", "plugins", `resource-hcloud-v${hcloud.version}`);
  const plugin = pretend(installed, hcloud, hcloud.version);
  expect(await findInstalled(hcloud)).toBe(plugin);
});

test("an installation of Pulumi with its own language host is linked as it is", async () => {
  const folder = temporaryFolder();
  const path = pretend(join(folder, "opt"), pulumi, pulumi.version);
  writeFiles(folder, { "opt/pulumi-language-nodejs": "official", "opt/LICENSE": "", "host.cjs": "" });
  const home = join(folder, "home");
  await makeHome(home, [{ tool: pulumi, path }], join(folder, "host.cjs"));
  expect(realpathSync(join(home, "bin", "pulumi"))).toBe(path);
  expect(readFileSync(join(home, "bin", "pulumi-language-nodejs"), "utf8")).toBe("official");
});

test("a home is made anew when a tool in it was changed or removed", async () => {
  const folder = temporaryFolder();
  const path = pretend(join(folder, "opt"), pulumi, pulumi.version);
  writeFiles(folder, { "host.cjs": "" });
  const home = join(folder, "home");
  expect(isIntact(home)).toBe(false);
  await makeHome(home, [{ tool: pulumi, path }], join(folder, "host.cjs"));
  expect(isIntact(home)).toBe(true);
  writeFileSync(path, "#!/bin/sh\necho v9.9.9 # upgraded in place\n");
  expect(isIntact(home)).toBe(false);
});

test("a plugin that only some stacks need is added to a home that is there, in place of an older build of it", async () => {
  const folder = temporaryFolder();
  vi.stubEnv("DUKAAN_CACHE", join(folder, "cache"));
  const home = join(folder, "cache", "toolchain", "home");
  expect(hasPlugin(home, awsPlugin)).toBe(false);
  const old = pretend(
    join(folder, "cache", "toolchain", "aws-7.48.0-0123456789ab"),
    awsPlugin,
    awsPlugin.version,
  );
  await addPlugin(home, { tool: awsPlugin, path: old });
  expect(hasPlugin(home, awsPlugin)).toBe(false);
  const built = pretend(toolDirectory(awsPlugin), awsPlugin, awsPlugin.version);
  await addPlugin(home, { tool: awsPlugin, path: built });
  expect(hasPlugin(home, awsPlugin)).toBe(true);
  const installed = pretend(join(folder, "opt"), awsPlugin, awsPlugin.version);
  await addPlugin(home, { tool: awsPlugin, path: installed });
  expect(hasPlugin(home, awsPlugin)).toBe(true);
  const name = `plugins/resource-aws-v${awsPlugin.version}`;
  expect(realpathSync(join(home, name, awsPlugin.executable))).toBe(realpathSync(installed));
});

test("the Node.js for servers is one file with the pinned digest, which runs", async () => {
  const { archive, version, digest } = await ensureNodeRuntime();
  expect(createHash("sha256").update(readFileSync(archive)).digest("hex")).toBe(digest);
  const entries: string[] = [];
  await list({
    file: archive,
    onReadEntry: ({ path, mode, uid }) => entries.push(`${path} ${mode?.toString(8)} ${uid}`),
  });
  expect(entries).toEqual(["bin/node 755 undefined"]);
  if (process.platform !== "linux" || process.arch !== "x64") return;
  const folder = temporaryFolder();
  await execa("tar", ["-xzf", archive, "-C", folder]);
  expect((await execa(join(folder, "bin", "node"), ["--version"])).stdout).toBe(`v${version}`);
  expect(dirname(archive)).toContain(digest.slice(0, 12));
});

test("the image library for servers has the pinned digest and the locked versions, and runs from its folder", async () => {
  const { archive, digest } = await ensureImageLibrary();
  expect(createHash("sha256").update(readFileSync(archive)).digest("hex")).toBe(digest);
  // A deployment sends it once and the app apart from it.
  expect(statSync(archive).size).toBeLessThan(10_000_000);
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as {
    packages: Record<string, { version: string; integrity: string; dependencies?: Record<string, string> }>;
  };
  for (const { name, version, integrity } of imageLibrary.packages)
    expect(packages[`node_modules/${name}`]).toMatchObject({ version, integrity });
  const needed = Object.keys(packages["node_modules/sharp"]?.dependencies ?? {});
  expect(imageLibrary.packages.map(({ name }) => name)).toEqual(expect.arrayContaining(needed));

  if (process.platform !== "linux" || process.arch !== "x64") return;
  const folder = temporaryFolder();
  await execa("tar", ["-xzf", archive, "-C", folder]);
  const program = 'console.log(require("sharp").versions.sharp, process.argv[1])';
  const { stdout } = await execa(process.execPath, ["-e", program], { cwd: folder, env: { NODE_PATH: "" } });
  expect(stdout).toMatch(new RegExp(`^${imageLibrary.version} `));
});
