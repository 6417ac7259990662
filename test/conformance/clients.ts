import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { cacheDirectory } from "../../toolchain/cache.js";
import { ensureTool } from "../../toolchain/index.js";
import { withLock } from "../../toolchain/lock.js";

/** What a client found out about one thing; no error: as it should be. */
export interface Finding {
  check: string;
  error: string;
}

/** Where a cloud is, as all clients take it. */
type Cloud = Record<"HCLOUD_ENDPOINT" | "HCLOUD_TOKEN", string>;

/**
 * Goes through a cloud with the official Go client; the program is built once and kept.
 * @param what only: `rate-limit` asks once, as patient as the client is by itself
 */
export async function askWithGo(cloud: Cloud, what: "everything" | "rate-limit"): Promise<Finding[]> {
  const program = await ensureTool({
    title: "conformance test with hcloud-go",
    name: "hcloud-go-conformance",
    version: "2.47.0",
    executable: "hcloud-go-conformance",
    build: { module: join(import.meta.dirname, "go"), package: "." },
    usually: "20 seconds",
  });
  return findings(program, [what], cloud);
}

/** Goes through a cloud with the official Python client, in an environment of its own in the cache. */
export async function askWithPython(
  cloud: Cloud & Record<"PUBLIC_KEY" | "CERTIFICATE" | "PRIVATE_KEY", string>,
): Promise<Finding[]> {
  const folder = join(import.meta.dirname, "python");
  return findings(
    await pythonWith(join(folder, "requirements.txt")),
    [join(folder, "conformance.py")],
    cloud,
  );
}

/** A Python with exactly these packages, in an environment of its own in the cache. Any number may ask for it at a time. */
export async function pythonWith(requirements: string): Promise<string> {
  const key = createHash("sha256")
    .update(await readFile(requirements))
    .digest("hex")
    .slice(0, 16);
  const venv = join(cacheDirectory(), "python", `conformance-${key}`);
  const python = join(venv, "bin", "python");
  const complete = join(venv, "complete");
  if (!existsSync(complete)) {
    await withLock(`${venv}.lock`, async () => {
      if (!existsSync(complete)) await makeEnvironment(venv, requirements);
    });
  }
  return python;
}

async function makeEnvironment(venv: string, requirements: string): Promise<void> {
  const python = join(venv, "bin", "python");
  const complete = join(venv, "complete");
  await rm(venv, { recursive: true, force: true });
  await execa("python3", ["-m", "venv", venv]);
  const install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"];
  await execa(python, [...install, "-r", requirements]);
  // Programs in an environment know where it is, so it is made in its place and marked when it is whole.
  await execa("touch", [`${complete}.new`]);
  await rename(`${complete}.new`, complete);
}

async function findings(program: string, args: string[], cloud: Cloud): Promise<Finding[]> {
  const { stdout } = await execa(program, args, { env: cloud });
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Finding => JSON.parse(line));
}
