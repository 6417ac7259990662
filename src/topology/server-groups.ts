import type { MachineGroup } from "./topology.js";

/** Seconds that a machine of a group has to configure itself, or it is given up. A boot with its packages takes a third. */
export const bootSeconds = 900;

/** A group's name at the provider. Fixed, because its machines' role names the group before it is there. */
export function groupName(stack: string, { name }: Pick<MachineGroup, "name">): string {
  return `dukaan-${stack}-${name}`;
}
