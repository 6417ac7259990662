import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { expect, test } from "vitest";
import { Checkout, essentials, makePath } from "./checkout.js";
import { temporaryFolder, writeFiles } from "./files.js";

test("the first start installs and compiles, the next one starts at once", async () => {
  const checkout = new Checkout(temporaryFolder());
  const first = await checkout.run(["up", "--stack", "my lab"]);
  expect(first.printed?.args).toEqual(["up", "--stack", "my lab"]);
  expect(first.stderr).toMatch(/Installing dependencies.*\n.*done in .* s\nCompiling.*\n.*done in/s);

  const second = await checkout.run(["--help"]);
  expect(second).toMatchObject({ stderr: "", exitCode: 0, printed: { args: ["--help"] } });
  expect(checkout.builds).toBe(1);
});

test("as root in somebody else's checkout, what it makes is theirs", async () => {
  const checkout = new Checkout(temporaryFolder());
  await execa("chown", ["-R", "1234:1234", checkout.root]);
  expect((await checkout.run()).exitCode).toBe(0);
  const made = ["node_modules", "dist"].map((name) => join(checkout.root, name));
  const { stdout } = await execa("find", [...made, "!", "-uid", "1234"]);
  expect(stdout).toBe("");
  expect(statSync(join(checkout.root, "node_modules/.dukaan-installed")).gid).toBe(1234);
});

test("it works from any folder, through links and with spaces in the path, and hands the exit code on", async () => {
  const folder = temporaryFolder();
  const checkout = new Checkout(join(folder, "my shop's checkout"));
  const elsewhere = join(folder, "else where");
  mkdirSync(elsewhere);
  symlinkSync("../my shop's checkout/dukaan", join(elsewhere, "relative"));
  symlinkSync(join(elsewhere, "relative"), join(elsewhere, "dukaan"));

  const { printed, exitCode } = await checkout.run(["7"], {
    cwd: elsewhere,
    script: join(elsewhere, "dukaan"),
  });
  expect(printed?.cwd).toBe(elsewhere);
  expect(exitCode).toBe(7);
});

test("it compiles again when a source was changed, added or removed, and only then", async () => {
  const checkout = new Checkout(temporaryFolder());
  await checkout.run();
  const changes = [
    () => writeFiles(checkout.root, { "src/shop.ts": "export const shop = 2;" }),
    () => writeFiles(checkout.root, { "src/deep/new.ts": "" }),
    () => rmSync(join(checkout.root, "src/deep/new.ts")),
  ];
  for (const [index, change] of changes.entries()) {
    await sleep(20); // file systems note times in steps of some milliseconds
    change();
    await checkout.run();
    expect(checkout.builds).toBe(index + 2);
  }
  writeFiles(checkout.root, { "README.md": "not a source" });
  await checkout.run();
  expect(checkout.builds).toBe(changes.length + 1);
});

test("it installs again when package-lock.json has changed", async () => {
  const checkout = new Checkout(temporaryFolder());
  await checkout.run();
  const packages = { "": { name: "checkout", version: "2.0.0" } };
  const lock = { name: "checkout", version: "2.0.0", lockfileVersion: 3, packages };
  writeFiles(checkout.root, {
    "package-lock.json": JSON.stringify(lock),
    "package.json": JSON.stringify({ name: "checkout", version: "2.0.0", type: "module" }),
    "node_modules/left/over.js": "",
  });
  const { stderr } = await checkout.run();
  expect(stderr).toContain("Installing dependencies");
  expect(readdirSync(join(checkout.root, "node_modules"))).not.toContain("left");
});

test("it leaves alone what `npm install` has already installed", async () => {
  const checkout = new Checkout(temporaryFolder());
  const wanted = { version: "1.2.3", integrity: "sha512-x" };
  const otherPlatform = { version: "1.2.3", optional: true };
  const packages = { "node_modules/a": wanted, "node_modules/b": otherPlatform };
  writeFiles(checkout.root, {
    "package-lock.json": JSON.stringify({ lockfileVersion: 3, packages: { "": {}, ...packages } }),
    "node_modules/.package-lock.json": JSON.stringify({ packages: { "node_modules/a": wanted } }),
    "node_modules/a/index.js": "",
  });
  const { stderr, printed } = await checkout.run();
  expect(stderr).not.toContain("Installing");
  expect(printed).toBeDefined();
});

test("two starts at once install and compile once", async () => {
  const checkout = new Checkout(temporaryFolder());
  const both = await Promise.all([checkout.run(["1"]), checkout.run(["2"])]);
  expect(both.map(({ printed }) => printed?.args)).toEqual([["1"], ["2"]]);
  expect(both.filter(({ stderr }) => stderr.includes("Waiting for another run"))).toHaveLength(1);
  expect(checkout.builds).toBe(1);
});

test("a mistake in a source ends it with what the compiler says, and the correction is compiled", async () => {
  const checkout = new Checkout(temporaryFolder());
  writeFiles(checkout.root, { "src/shop.ts": "mistake" });
  const failed = await checkout.run();
  expect(failed.exitCode).toBe(1);
  expect(failed.printed).toBeUndefined();
  expect(failed.stderr).toContain("src/shop.ts(1,1): error TS1005");
  expect(failed.stderr).toContain(`Compiling failed in ${checkout.root}: it ended with 2`);

  writeFiles(checkout.root, { "src/shop.ts": "" });
  expect((await checkout.run()).printed).toBeDefined();
});

test("a Node.js that is too old, or of a short-lived line, is passed over for the cached one", async () => {
  const folder = temporaryFolder();
  const checkout = new Checkout(join(folder, "checkout"));
  const cached = join(folder, "cache", "node", "v24.21.0", "bin");
  mkdirSync(cached, { recursive: true });
  symlinkSync(process.execPath, join(cached, "node"));
  for (const version of ["v20.20.2", "v25.9.0", "nonsense"]) {
    const PATH = makePath(join(folder, version), essentials);
    writeFileSync(join(PATH, "node"), `#!/bin/sh\necho ${version}\n`);
    chmodSync(join(PATH, "node"), 0o755);
    writeFileSync(join(PATH, "npm"), `#!/bin/sh\nexit 0\n`);
    chmodSync(join(PATH, "npm"), 0o755);
    const { printed } = await checkout.run([], {
      env: { PATH, DUKAAN_CACHE: join(folder, "cache") },
    });
    expect(printed?.node).toBe(process.execPath);
  }
});

test("without Node.js and without anything to fetch it with it says so, and what to do", async () => {
  const folder = temporaryFolder();
  const checkout = new Checkout(join(folder, "checkout"));
  const PATH = makePath(join(folder, "bin"), essentials);
  const { stderr, exitCode } = await checkout.run([], { env: { PATH, DUKAAN_OFFLINE: "" } });
  expect(exitCode).toBe(3);
  expect(stderr).toMatch(/Node.js 24.21.0 is needed, and there is neither npm nor curl nor wget/);
  expect(stderr).toContain("Install one of them, or Node.js 24 itself: https://");
  expect(readdirSync(join(checkout.root, ".cache", "node"))).toEqual([]);
});

test("an archive with other bytes than the pinned ones is refused and leaves nothing", async () => {
  const folder = temporaryFolder();
  const checkout = new Checkout(join(folder, "checkout"));
  const PATH = makePath(join(folder, "bin"), essentials);
  // A registry that hands out something else: `npm pack` names the file after the package.
  writeFileSync(join(PATH, "npm"), '#!/bin/sh\nname=${2%@*}\necho other > "$name-${2#*@}.tgz"\n');
  chmodSync(join(PATH, "npm"), 0o755);
  const { stderr, exitCode } = await checkout.run([], { env: { PATH } });
  expect(exitCode).toBe(3);
  expect(stderr).toMatch(/What was downloaded as Node.js 24.21.0 has the SHA-512 [0-9a-f]{128}, not/);
  expect(readdirSync(join(checkout.root, ".cache", "node"))).toEqual([]);
});
