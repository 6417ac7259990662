import { hash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { cacheDirectory } from "../../toolchain/cache.js";
import { withLock } from "../../toolchain/lock.js";

const requirements = join(import.meta.dirname, "schemathesis.txt");

/**
 * The program schemathesis, which tries an API out by its OpenAPI document; installed from PyPI the first time (a
 * minute), into a folder of the cache that is named by the pinned versions.
 * @returns its path
 */
export async function ensureSchemathesis(): Promise<string> {
  const digest = hash("sha256", readFileSync(requirements)).slice(0, 12);
  const folder = join(cacheDirectory(), `schemathesis-${digest}`);
  const complete = join(folder, "complete");
  await withLock(`${folder}.lock`, async () => {
    if (existsSync(complete)) return;
    rmSync(folder, { recursive: true, force: true });
    await execa("python3", ["-m", "venv", folder]);
    await execa(join(folder, "bin/pip"), ["install", "--quiet", "--no-deps", "--requirement", requirements]);
    writeFileSync(complete, "");
  });
  return join(folder, "bin/schemathesis");
}
