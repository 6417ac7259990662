import { existsSync } from "node:fs";
import { rm, rmdir } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Computer } from "./lifecycle.js";
import { succeeds } from "./command.js";
import { loopDevices } from "./disks.js";
import { hostLimitsDown } from "./host-limits.js";
import { hostRoutesDown } from "./host-routes.js";
import { copiesEnded } from "./images.js";
import { lxcfsDown } from "./lxcfs.js";
import { killAll, removeNspawnFolder } from "./nspawn.js";
import { releaseSlot } from "./slots.js";
import { mountsOf } from "./traces.js";
import { worldDown } from "./world.js";

/**
 * Removes everything of an instance from this computer. It goes by what is there, not by what was recorded: processes
 * by control group, namespaces and interfaces by name, mounts and loop devices by the folders they are in.
 */
export async function tearDown({ instance, groups }: Computer): Promise<void> {
  await copiesEnded(instance);
  await killAll(groups, instance.name);
  await lxcfsDown(instance);
  await worldDown(instance);
  for (const point of (await mountsOf(instance)).toReversed()) await succeeds("umount", ["-l", point]);
  for (const folder of [instance.machinesFolder, instance.volumesFolder])
    await detachLoopDevices(`${folder}/`);
  await groups.remove(instance.name);
  for (const folder of [
    instance.machinesFolder,
    instance.networksFolder,
    instance.volumesFolder,
    instance.balancersFolder,
    instance.imagesFolder,
    instance.runFolder,
  ]) {
    if (existsSync(folder)) await rm(folder, { recursive: true });
  }
  await releaseSlot(instance.name, async () => {
    await hostRoutesDown();
    await hostLimitsDown();
    await removeNspawnFolder();
    await groups.removeRoot();
  });
  // Others may keep files of the instance there; then it stays.
  await rmdir(dirname(instance.machinesFolder)).catch(() => undefined);
}

/** With their mounts gone they go by themselves, in a moment; those that were never mounted have to be told. */
async function detachLoopDevices(path: string): Promise<void> {
  for (let waited = 0; waited < 100; waited++) {
    const devices = await loopDevices(path);
    if (devices.length === 0) return;
    if (waited % 10 === 0) {
      for (const { device } of devices) await succeeds("losetup", ["--detach", device]);
    }
    await sleep(20);
  }
}
