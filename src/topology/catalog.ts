import { awsLocations, instanceTypes } from "./aws-catalog.js";

/**
 * What Hetzner Cloud offers: locations and server types; AWS's are in ./aws-catalog.ts. Data only; prices are the cost
 * model's. Source: https://docs.hetzner.cloud (`GET /locations`, `GET /server_types`) and
 * https://www.hetzner.com/cloud, 2026.
 */

export const providers = ["hetzner", "aws"] as const;

export type Provider = (typeof providers)[number];

export interface Location {
  name: string;
  provider: Provider;
  /** A private network does not reach beyond its zone: Hetzner's network zone, AWS's region. */
  zone: string;
  city: string;
  /** AWS: the two of its data centers that machines are spread over. */
  availabilityZones?: readonly [string, string];
}

export const hetznerLocations: readonly Location[] = [
  { name: "fsn1", provider: "hetzner", zone: "eu-central", city: "Falkenstein" },
  { name: "nbg1", provider: "hetzner", zone: "eu-central", city: "Nuremberg" },
  { name: "hel1", provider: "hetzner", zone: "eu-central", city: "Helsinki" },
  { name: "ash", provider: "hetzner", zone: "us-east", city: "Ashburn" },
  { name: "hil", provider: "hetzner", zone: "us-west", city: "Hillsboro" },
  { name: "sin", provider: "hetzner", zone: "ap-southeast", city: "Singapore" },
];

export const locations: readonly Location[] = [...hetznerLocations, ...awsLocations];

export interface ServerType {
  name: string;
  cores: number;
  /** MiB; Hetzner's "GB" of memory are GiB. */
  memoryMiB: number;
  /** GB, as the provider counts. */
  diskGB: number;
  architecture: "x86" | "arm";
  /** Only the local cloud has it. */
  local?: true;
  /** Only these zones have it; absent: every zone, or not known. */
  zones?: readonly string[];
}

const x86 = (name: string, cores: number, memoryGiB: number, diskGB: number): ServerType => ({
  name,
  cores,
  memoryMiB: memoryGiB * 1024,
  diskGB,
  architecture: "x86",
});

const onlyEurope = { zones: ["eu-central"] } as const;

export const serverTypes: readonly ServerType[] = [
  // The server of the book's first chapter. Hetzner's smallest has 4 GB, so it exists on the local cloud alone.
  { ...x86("local-512", 1, 0.5, 10), local: true },
  { ...x86("cx23", 2, 4, 40), ...onlyEurope },
  { ...x86("cx33", 4, 8, 80), ...onlyEurope },
  { ...x86("cx43", 8, 16, 160), ...onlyEurope },
  { ...x86("cx53", 16, 32, 320), ...onlyEurope },
  x86("cpx11", 2, 2, 40),
  x86("cpx21", 3, 4, 80),
  x86("cpx31", 4, 8, 160),
  x86("cpx41", 8, 16, 240),
  x86("cpx51", 16, 32, 360),
  x86("cpx12", 1, 2, 40),
  x86("cpx22", 2, 4, 80),
  x86("cpx32", 4, 8, 160),
  x86("cpx42", 8, 16, 320),
  x86("cpx52", 12, 24, 480),
  x86("cpx62", 16, 32, 640),
  { ...x86("cax11", 2, 4, 40), architecture: "arm", ...onlyEurope },
  { ...x86("cax21", 4, 8, 80), architecture: "arm", ...onlyEurope },
  { ...x86("cax31", 8, 16, 160), architecture: "arm", ...onlyEurope },
  { ...x86("cax41", 16, 32, 320), architecture: "arm", ...onlyEurope },
  x86("ccx13", 2, 8, 80),
  x86("ccx23", 4, 16, 160),
  x86("ccx33", 8, 32, 240),
  x86("ccx43", 16, 64, 360),
  x86("ccx53", 32, 128, 600),
  x86("ccx63", 48, 192, 960),
];

/**
 * Dedicated servers (Hetzner Robot): a machine of one's own, with its disks. Cores are hardware threads, as a cloud's
 * vCPUs are. Only the European locations have them. Source: https://www.hetzner.com/dedicated-rootserver/, 2026.
 */
export const dedicatedTypes: readonly ServerType[] = [
  { ...x86("AX42-1", 16, 64, 1024), ...onlyEurope },
  { ...x86("AX102-1", 32, 128, 3840), ...onlyEurope },
];

/** Operating system images that the roles are written for. */
export const images = ["debian-12"] as const;

export type Image = (typeof images)[number];

/** Size of servers of which nothing is said. */
export function defaultServerType(local: boolean, provider: Provider = "hetzner"): string {
  if (provider === "aws") return "t3.medium";
  return local ? "local-512" : "cx23";
}

/** @throws Error when there is no such type; settings have been checked before */
export function serverType(name: string): ServerType {
  const found = [...serverTypes, ...instanceTypes, ...dedicatedTypes].find((type) => type.name === name);
  if (!found) throw new Error(`unknown server type ${name}`);
  return found;
}

/** Memory as Hetzner writes it, e.g. "512 MB" or "4 GB". */
export function memoryText(memoryMiB: number): string {
  return memoryMiB < 1024 ? `${memoryMiB} MB` : `${memoryMiB / 1024} GB`;
}

/** @throws Error when there is no such location; settings have been checked before */
export function location(name: string): Location {
  const found = locations.find((place) => place.name === name);
  if (!found) throw new Error(`unknown location ${name}`);
  return found;
}
