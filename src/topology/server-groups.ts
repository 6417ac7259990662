import type { MachineGroup } from "./topology.js";

/** Seconds that a machine of a group has to configure itself, or it is given up. A boot with its packages takes a third. */
export const bootSeconds = 900;

/** Seconds from when it says that it is configured until the load balancer has looked at it twice, with time to spare. */
export const graceSeconds = 60;

/** A group's name at the provider. Fixed, because its machines' role names the group before it is there. */
export function groupName(stack: string, { name }: Pick<MachineGroup, "name">): string {
  return `dukaan-${stack}-${name}`;
}
