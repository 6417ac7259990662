import { run } from "./command.js";
import { diskMount, loopDevices } from "./disks.js";
import { HostError } from "./host.js";
import { type Instance } from "./instance.js";
import { cutMachineCable } from "./lifecycle.js";
import { mountsOfDevice } from "./mounts.js";
import { leaderOf, supervisorOf } from "./nspawn.js";
import { readMachine } from "./records.js";
import { numberOf, volumeImage } from "./volume-devices.js";

/**
 * What a machine's disks lose when its power goes: everything that was written and not yet synced. Its file systems
 * are shut down where they stand (EXT4_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN; without flushing even their logs), so what the
 * kernel still had in memory for them is never written. The network goes first: peers hear nothing of it. The
 * machine's processes see input and output errors from then on, and are to be killed at once (powerOffMachine).
 *
 * @throws HostError when the machine is off
 */
export async function loseUnsyncedData(instance: Instance, id: string): Promise<void> {
  const supervisor = await supervisorOf(instance, id);
  const leader = await leaderOf(instance, id);
  if (supervisor === undefined || leader === undefined) {
    throw new HostError(`machine ${id} is off`, "It has no power that could be cut.");
  }
  const points = [`/proc/${supervisor}/root${diskMount(instance, id)}`];
  for (const volume of (await readMachine(instance, id))?.volumes ?? []) {
    for (const { device } of await loopDevices(volumeImage(instance, volume.id))) {
      // One of a volume's mounts stands for its file system.
      const [point] = await mountsOfDevice(leader, await numberOf(device));
      if (point !== undefined) points.push(`/proc/${leader}/root${point}`);
    }
  }
  await cutMachineCable(instance, id);
  await Promise.all(points.map((point) => run("xfs_io", ["-x", "-c", "shutdown", point])));
}
