import { existsSync } from "node:fs";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { pythonWith } from "./clients.js";

const folder = join(import.meta.dirname, "ansible");

/** Takes one collection out of the package that has them all: a hundredth of what pip would unpack. */
const unpack = `
import sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
wheel.extractall(sys.argv[2], [name for name in wheel.namelist() if name.startswith("ansible_collections/hetzner/hcloud/")])
`;

/** Runs a playbook on this computer; what Ansible said. @throws with that when a task fails */
export async function runPlaybook(
  playbook: string,
  variables: Record<string, string>,
  env: Record<string, string>,
): Promise<string> {
  const python = await pythonWith(join(folder, "requirements.txt"));
  const collections = await collection(python);
  const home = await mkdtemp(join(tmpdir(), "dukaan-ansible-"));
  try {
    const { all } = await execa(
      join(dirname(python), "ansible-playbook"),
      ["-i", "localhost,", "-e", JSON.stringify(variables), playbook],
      {
        env: { ...env, ANSIBLE_COLLECTIONS_PATH: collections, ANSIBLE_HOME: home, NO_COLOR: "1" },
        all: true,
      },
    );
    return all;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** The collection hetzner.hcloud, kept beside the environment of Python. */
async function collection(python: string): Promise<string> {
  const kept = join(dirname(dirname(python)), "collections-14.5.0");
  if (existsSync(kept)) return kept;
  const unfinished = await mkdtemp(`${kept}-`);
  const wheels = join(unfinished, "wheels");
  const download = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"];
  // The package asks for a newer Python than its collection needs.
  const anyPython = ["--python-version", "3.13", "--only-binary=:all:"];
  await execa(python, [...download, ...anyPython, "-d", wheels, "-r", join(folder, "collection.txt")]);
  await execa(python, ["-c", unpack, join(wheels, "ansible-14.5.0-py3-none-any.whl"), unfinished]);
  await rm(wheels, { recursive: true });
  await rename(unfinished, kept);
  return kept;
}
