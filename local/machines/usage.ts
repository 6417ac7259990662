import { diskImage, loopDevices } from "./disks.js";
import type { MachineUsage } from "./host.js";
import { machineGroup, machineLink } from "./instance.js";
import type { Computer } from "./lifecycle.js";
import { ipJson, namespaceExists } from "./namespaces.js";
import { readNow } from "./pid-file.js";

interface Traffic {
  bytes: number;
  packets: number;
}

/** What running machines have used since they were switched on; empty where the world is not there. */
export async function usageOf({ instance, groups }: Computer, ids: string[]): Promise<MachineUsage[]> {
  if (ids.length === 0 || !namespaceExists(instance.world)) return [];
  const links = await ipJson<{ ifname: string; stats64: { rx: Traffic; tx: Traffic } }>(instance.world, [
    "-stats",
    "link",
    "show",
  ]);
  const traffic = new Map(links.map(({ ifname, stats64 }) => [ifname, stats64]));
  const loops = await loopDevices(`${instance.machinesFolder}/`);
  const deviceOf = new Map(loops.map(({ device, file }) => [file, device]));
  const found = await Promise.all(
    ids.map(async (id): Promise<MachineUsage | undefined> => {
      const cpuSeconds = await groups.cpuSeconds(machineGroup(instance, id));
      const link = traffic.get(machineLink(id));
      const device = deviceOf.get(diskImage(instance, id));
      if (cpuSeconds === undefined || link === undefined || device === undefined) return undefined;
      return {
        id,
        cpuSeconds,
        ...diskUsage(device),
        // It is the far end of the machine's cable: what comes in there went out of the machine.
        packetsIn: link.tx.packets,
        packetsOut: link.rx.packets,
        bytesIn: link.tx.bytes,
        bytesOut: link.rx.bytes,
      };
    }),
  );
  return found.filter((usage) => usage !== undefined);
}

/** Fields of a block device's statistics: https://docs.kernel.org/block/stat.html; sectors have 512 bytes. */
function diskUsage(
  device: string,
): Pick<MachineUsage, "diskReads" | "diskWrites" | "diskBytesRead" | "diskBytesWritten"> {
  const text = readNow(`/sys/block/${device.replace("/dev/", "")}/stat`);
  const [reads = 0, , sectorsRead = 0, , writes = 0, , sectorsWritten = 0] = text
    .trim()
    .split(/\s+/)
    .map(Number);
  return {
    diskReads: reads,
    diskWrites: writes,
    diskBytesRead: sectorsRead * 512,
    diskBytesWritten: sectorsWritten * 512,
  };
}
