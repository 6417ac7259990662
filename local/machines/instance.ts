/**
 * Where everything of one local cloud ("instance") is on this computer, by name. Nothing else builds these names, so
 * that leftovers can be found by them.
 */
export interface Instance {
  /** `[a-z][a-z0-9-]{0,11}` */
  name: string;
  /** 0 to 3; decides the addresses. */
  slot: number;
  /** Kept over a restart of the computer: disks, records, seeds, consoles. */
  machinesFolder: string;
  networksFolder: string;
  volumesFolder: string;
  balancersFolder: string;
  imagesFolder: string;
  /** Gone after a restart of the computer: process ids, exit statuses, the lxcfs mount. */
  runFolder: string;
  /** Name of the world's namespace, and of the host's end of the link to it. */
  world: string;
  addresses: InstanceAddresses;
}

export interface InstanceAddresses {
  /** e.g. "203.0.113.64/26" */
  ipv4Range: string;
  /** This computer's end of the link, e.g. "203.0.113.65" */
  hostIpv4: string;
  /** The world's end of the link, e.g. "203.0.113.66" */
  worldIpv4: string;
  /** e.g. "2001:db8:1::/48"; its first /64 belongs to the link. */
  ipv6Range: string;
  /** e.g. "2001:db8:1::1" */
  hostIpv6: string;
}

/** Ranges for documentation (RFC 5737, RFC 3849): they exist nowhere, so they can be ours on this computer. */
export const DOCUMENTATION_RANGES = ["203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24", "2001:db8::/32"];

export const RUN_ROOT = "/run/dukaan";
export const SLOTS = 4;

/** The gateway that every server sees, as at Hetzner: outside of its own range, on its own link. */
export const GATEWAY_IPV4 = "172.31.1.1";
export const GATEWAY_IPV6 = "fe80::1";
/** A server's own link-local address; the world routes the server's /64 there. */
export const SERVER_LINK_LOCAL = "fe80::2";
/** The world's interface towards this computer. */
export const HOST_LINK = "host";

/** @param home the local cloud's state folder, e.g. "/var/lib/dukaan" */
export function instanceOf(name: string, slot: number, home: string): Instance {
  if (!/^[a-z][a-z0-9-]{0,11}$/.test(name)) {
    throw new RangeError(
      `instance "${name}" must start with a letter and have at most 12 of a-z, 0-9 and "-" in all`,
    );
  }
  if (/[\s:,\\]/.test(home)) {
    throw new RangeError(`the state folder "${home}" must have no space, ":", "," or "\\" in its path`);
  }
  return {
    name,
    slot,
    machinesFolder: `${home}/${name}/machines`,
    networksFolder: `${home}/${name}/networks`,
    volumesFolder: `${home}/${name}/volumes`,
    balancersFolder: `${home}/${name}/balancers`,
    imagesFolder: `${home}/${name}/images`,
    runFolder: `${RUN_ROOT}/${name}`,
    world: `dk-${name}`,
    addresses: addressesOf(slot),
  };
}

/** The addresses of a slot; the /26 and the /48 of different slots do not overlap. */
export function addressesOf(slot: number): InstanceAddresses {
  if (!Number.isInteger(slot) || slot < 0 || slot >= SLOTS) {
    throw new RangeError(`slot ${slot} must be 0 to ${SLOTS - 1}`);
  }
  const prefix = slot === 0 ? "2001:db8" : `2001:db8:${slot}`;
  return {
    ipv4Range: `203.0.113.${64 * slot}/26`,
    hostIpv4: `203.0.113.${64 * slot + 1}`,
    worldIpv4: `203.0.113.${64 * slot + 2}`,
    ipv6Range: `${prefix}::/48`,
    hostIpv6: `${prefix}::1`,
  };
}

/** "." cannot be in an instance's name: no instance's namespaces can be taken for another's. */
export const machineNamespace = (instance: Instance, id: string): string =>
  `${instance.world}.${stationName(id)}`;

/** Load balancers are wired as machines are; this is one's id among theirs. */
export const balancerStation = (id: string): string => `lb${id}`;
const stationName = (id: string): string => (id.startsWith("lb") ? id : `m${id}`);

export const networkNamespace = (instance: Instance, id: string): string => `${instance.world}.n${id}`;

/** The far end of a machine's cable, in the world and in each private network. Interface names have 15 characters. */
export function machineLink(id: string): string {
  if (!/^(lb)?[0-9]{1,13}$/.test(id)) throw new RangeError(`id "${id}" must have 1 to 13 digits`);
  return stationName(id);
}

export const machineFolder = (instance: Instance, id: string): string => `${instance.machinesFolder}/${id}`;
/** Control groups of an instance: supervisors and lxcfs; a machine; the part of it that the guest may rearrange. */
export const servicesGroup = (instance: Instance): string => `${instance.name}/services`;
export const machineGroup = (instance: Instance, id: string): string => `${instance.name}/${id}`;
export const balancerGroup = (instance: Instance, id: string): string =>
  `${instance.name}/${balancerStation(id)}`;
/** One level below the limits, so that a guest with its own view of control groups cannot lift them. */
export const guestGroup = (instance: Instance, id: string): string => `${machineGroup(instance, id)}/guest`;
