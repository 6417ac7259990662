import type { Machine } from "../../topology/topology.js";

/**
 * AWS's size for each size of server: the same cores and memory, current x86 families (the shop's bundle is built for
 * x86). Managed services exist on their own families only; there it is the same memory, as that is what they are bought
 * for, and cores where both are known.
 */
const ec2: Readonly<Record<string, string>> = {
  "local-512": "t3.nano",
  cx23: "t3.medium",
  cx33: "c6i.xlarge",
  cx43: "c6i.2xlarge",
  cx53: "c6i.4xlarge",
  ccx33: "m6i.2xlarge",
  ccx43: "m6i.4xlarge",
  ccx63: "m6i.12xlarge",
  cpx11: "t3.small",
  cpx21: "t3.medium",
  cpx31: "c6i.xlarge",
  cpx41: "c6i.2xlarge",
  cpx51: "c6i.4xlarge",
  cpx22: "t3.medium",
  cpx32: "c6i.xlarge",
  cpx42: "c6i.2xlarge",
  cpx52: "c6i.4xlarge",
  cpx62: "c6i.4xlarge",
};

/** Up to so many GiB of memory, this size. */
type Sizes = readonly (readonly [memoryGiB: number, sku: string, base: string, standsFor?: string])[];

const databases: Sizes = [
  [4, "db.t4g.medium", "t4g.medium"],
  [8, "db.m7g.large", "m7g.large"],
  [16, "db.m7g.xlarge", "m7g.xlarge"],
  [32, "db.m7g.2xlarge", "m7g.2xlarge"],
  [64, "db.r6g.2xlarge", "r6g.2xlarge"],
  [256, "db.r6g.8xlarge", "r6g.8xlarge"],
];

const caches: Sizes = [
  [4, "cache.t4g.medium", "t4g.medium"],
  [8, "cache.m7g.large", "m7g.large"],
  [16, "cache.m7g.xlarge", "m7g.xlarge"],
  [32, "cache.r7g.xlarge", "r7g.xlarge"],
  [64, "cache.r7g.2xlarge", "r7g.2xlarge"],
  [128, "cache.r7g.4xlarge", "r7g.4xlarge"],
];

const searches: Sizes = [
  [4, "t3.medium.search", "t3.medium"],
  [8, "m7g.large.search", "m7g.large"],
  [16, "m7g.xlarge.search", "m7g.xlarge"],
  [32, "m7g.2xlarge.search", "m7g.2xlarge"],
];

/** Of m5 only the broker's price is known; its plain machine is that of the next family, and the bill says so. */
const brokers: Sizes = [
  [4, "kafka.t3.small", "t3.small"],
  [8, "kafka.m5.large", "m6i.large", "m5.large"],
  [16, "kafka.m5.xlarge", "m6i.xlarge", "m5.xlarge"],
];

const bySort = { databases, caches, searches, brokers };

export function ec2Type(serverType: string): string {
  const found = ec2[serverType];
  if (found === undefined) throw new Error(`no size of EC2 stands for ${serverType}`);
  return found;
}

/**
 * A managed service's size with at least so much memory, and the plain machine that it would be. The largest that is
 * known when none is large enough: then the caller takes more of them.
 */
export function managedType(
  sort: keyof typeof bySort,
  wantedGiB: number,
): { sku: string; base: string; standsFor?: string; fits: number } {
  const sizes = bySort[sort];
  const [largest, sku, base, standsFor] = sizes.find(([memory]) => memory >= wantedGiB) ?? sizes.at(-1)!;
  return { sku, base, fits: largest, ...(standsFor !== undefined && { standsFor }) };
}

export function memoryGiB({ memoryMiB }: Pick<Machine, "memoryMiB">): number {
  return memoryMiB / 1024;
}
