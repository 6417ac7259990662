import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { stopLocalCloud } from "../../local/client.js";
import { instanceFolder, isLocalCloud, requireOwnFolder } from "../../local/folder.js";

let home: string;
beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), "local-folder-")));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true });
});

test("a folder is known by its real path, whatever leads there, before it exists too", () => {
  symlinkSync(home, `${home}/link`);
  expect(instanceFolder("lab", `${home}/link`).path).toBe(`${home}/lab`);
  expect(instanceFolder("lab", `${home}/link/new/home`).path).toBe(`${home}/new/home/lab`);
  expect(instanceFolder("lab", "relative").path).toBe(`${process.cwd()}/relative/lab`);
  vi.stubEnv("DUKAAN_LOCAL_HOME", "");
  expect(instanceFolder("lab").path).toBe("/var/lib/dukaan/lab");
});

test.each(["Lab", "a/b", "..", "-a", "", "a".repeat(13)])("%o is no name of an instance", (name) => {
  expect(() => instanceFolder(name, home)).toThrow(RangeError);
});

test("somebody else's folder is neither taken nor removed", async () => {
  const folder = instanceFolder("prod", home);
  expect(() => requireOwnFolder(folder)).not.toThrow();
  mkdirSync(folder.path);
  expect(() => requireOwnFolder(folder)).not.toThrow();
  writeFileSync(join(folder.path, "thesis.txt"), "");
  expect(() => requireOwnFolder(folder)).toThrow(
    `${folder.path}, where the local cloud would keep its files`,
  );
  vi.stubEnv("DUKAAN_LOCAL_HOME", home);
  await stopLocalCloud("prod", { onProgress: () => {} });
  expect(existsSync(join(folder.path, "thesis.txt"))).toBe(true);

  for (const first of [folder.log, folder.state]) {
    writeFileSync(first, "");
    expect(isLocalCloud(folder)).toBe(true);
    expect(() => requireOwnFolder(folder)).not.toThrow();
    rmSync(first);
  }
});
