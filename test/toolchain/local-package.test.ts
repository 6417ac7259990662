import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
let folder: string;
let installed: string;

/** The package as npm packs and unpacks it, beside the modules it depends on and no others. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "dukaan-local-package-"));
  await execa(process.execPath, [join(root, "scripts/pack-local.mjs"), join(folder, "made")]);
  await execa("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: join(folder, "made") });
  await execa("tar", ["-xzf", join(folder, "hetzner-local-0.1.0.tgz"), "-C", folder]);
  installed = join(folder, "package");
  symlinkSync(join(root, "node_modules"), join(installed, "node_modules"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (...args: string[]) =>
  execa(process.execPath, [join(installed, "dist/local/cli.js"), ...args], {
    reject: false,
    all: true,
    cwd: "/",
    env: { DUKAAN_LOCAL_HOME: join(folder, "home") },
  });

test("the local cloud is a package of its own, whose command says what it does", async () => {
  const help = await run("--help");
  expect(help.exitCode).toBe(0);
  for (const command of ["up", "down", "status", "env", "ssh", "logs", "check"])
    expect(help.stdout).toMatch(new RegExp(`^ {2}${command}\\b`, "m"));
  expect(JSON.parse((await run("status")).stdout)).toEqual({ running: false, servers: [] });
  const env = await run("--instance", "other", "env");
  expect([env.exitCode, env.stderr]).toEqual([
    1,
    'the local cloud "other" does not run. Start it: sudo hetzner-local up',
  ]);
  const wrong = await run("--instance", "Not a name", "status");
  expect(wrong.exitCode).toBe(1);
  expect(wrong.stderr).toContain('instance "Not a name" must start with a letter');
});

test("it has the files that are not compiled, and every module that it loads is among its dependencies", async () => {
  for (const file of [
    "local/machines/supervise.sh",
    "local/image/build.sh",
    "local/image/root/usr/lib/dukaan/init",
    "local/page/index.html",
    "local/examples/terraform/main.tf",
    "toolchain/go/versitygw/go.mod",
    "README.md",
  ])
    expect(existsSync(join(installed, file)), file).toBe(true);
  const { dependencies } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  expect(Object.values(dependencies).every((version) => /^\d+\.\d+\.\d+$/.test(version))).toBe(true);
  // The server loads all of it before it looks whether it may run.
  const script = `import { registerHooks } from "node:module";
    const seen = new Set();
    registerHooks({ resolve(name, context, next) {
      if (context.parentURL?.includes("/package/dist/") && /^[a-z@]/.test(name) && !name.startsWith("node:")) seen.add(name.split("/").slice(0, name.startsWith("@") ? 2 : 1).join("/"));
      return next(name, context);
    } });
    await import(${JSON.stringify(join(installed, "dist/local/api/start.js"))});
    await import(${JSON.stringify(join(installed, "dist/local/client.js"))});
    await import(${JSON.stringify(join(installed, "dist/local/storage/server.js"))});
    await import(${JSON.stringify(join(installed, "dist/toolchain/index.js"))});
    console.log(JSON.stringify([...seen]));`;
  const { stdout } = await execa(process.execPath, ["--input-type=module", "-e", script]);
  const loaded: string[] = JSON.parse(stdout);
  expect(loaded).toContain("fastify");
  expect(loaded.filter((name) => !(name in dependencies))).toEqual([]);
});
