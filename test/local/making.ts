import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { build } from "esbuild";
import type { MachineSpec } from "../../local/machines/host.js";
import { projectRoot } from "../../local/machines/project-root.js";
import type { MachineLab } from "./machine-lab.js";

/** Has another process make a machine in a lab's instance; resolves when it begins. */
export async function beginMaking(lab: MachineLab, spec: MachineSpec): Promise<ChildProcess> {
  const place = [lab.instance.name, String(lab.instance.slot), lab.home, lab.image];
  const args = [await compiled("half-made-machine"), ...place, JSON.stringify(spec)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return child;
}

export async function killed(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "exit");
}

/** A program of this folder, for Node.js to run in a process of its own. */
async function compiled(name: string): Promise<string> {
  const outfile = `${projectRoot()}/dist/test/local/${name}.mjs`;
  const options = { bundle: true, packages: "external", platform: "node", format: "esm" } as const;
  await build({ entryPoints: [`${import.meta.dirname}/${name}.ts`], outfile, ...options });
  return outfile;
}
