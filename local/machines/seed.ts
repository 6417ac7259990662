import { chmod, mkdir, writeFile } from "node:fs/promises";
import type { MachineSpec } from "./host.js";
import { type Instance, machineFolder } from "./instance.js";

export const seedFolder = (instance: Instance, id: string): string => `${machineFolder(instance, id)}/seed`;

/**
 * What cloud-init in the machine reads (its NoCloud data source). The user-data may hold secrets: only root reads it,
 * here as there.
 */
export async function writeSeed(instance: Instance, machine: MachineSpec): Promise<void> {
  const folder = seedFolder(instance, machine.id);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const metaData = {
    "instance-id": machine.id,
    "local-hostname": machine.name,
    "public-keys": machine.authorizedKeys,
  };
  // JSON is YAML, and needs no care with quoting.
  await writeFile(`${folder}/meta-data`, JSON.stringify(metaData), { mode: 0o600 });
  const userData = machine.userData === "" ? "#cloud-config\n{}\n" : machine.userData;
  await writeFile(`${folder}/user-data`, userData, { mode: 0o600 });
}
