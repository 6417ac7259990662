import type { Location, ServerType } from "./catalog.js";
import type { Tier } from "./addresses.js";

/**
 * What of AWS a stack can be on: regions and sizes of instances. Data only; prices are the cost model's.
 * Source: https://docs.aws.amazon.com/ec2/latest/instancetypes/ and
 * https://docs.aws.amazon.com/global-infrastructure/latest/regions/, 2026.
 */

const region = (name: string, city: string, zones = "ab"): Location => ({
  name,
  provider: "aws",
  zone: name,
  city,
  // Named here and not asked for: another answer would move machines. Which building is "a" differs by account.
  availabilityZones: [`${name}${zones[0]}`, `${name}${zones[1]}`],
});

export const awsLocations: readonly Location[] = [
  region("eu-central-1", "Frankfurt"),
  region("eu-west-2", "London"),
  region("us-east-1", "Virginia"),
  region("us-west-2", "Oregon"),
  region("ap-south-1", "Mumbai"),
  region("ap-southeast-1", "Singapore"),
  region("ap-southeast-2", "Sydney"),
  // Zone b takes no new accounts, here and in São Paulo.
  region("ap-northeast-1", "Tokyo", "ac"),
  region("sa-east-1", "São Paulo", "ac"),
];

/** A disk is a volume of any size; this one has room for the system, logs and a small database, as the cost model says. */
const rootDiskGB = 30;

const x86 = (name: string, cores: number, memoryGiB: number): ServerType => ({
  name,
  cores,
  memoryMiB: memoryGiB * 1024,
  diskGB: rootDiskGB,
  architecture: "x86",
});

export const instanceTypes: readonly ServerType[] = [
  x86("t3.nano", 2, 0.5),
  x86("t3.micro", 2, 1),
  x86("t3.small", 2, 2),
  x86("t3.medium", 2, 4),
  x86("t3.large", 2, 8),
  x86("t3.xlarge", 4, 16),
  x86("c6i.large", 2, 4),
  x86("c6i.xlarge", 4, 8),
  x86("c6i.2xlarge", 8, 16),
  x86("c6i.4xlarge", 16, 32),
  x86("m6i.large", 2, 8),
  x86("m6i.xlarge", 4, 16),
  x86("m6i.2xlarge", 8, 32),
  x86("m6i.4xlarge", 16, 64),
  { ...x86("t4g.medium", 2, 4), architecture: "arm" },
  { ...x86("m7g.large", 2, 8), architecture: "arm" },
];

/**
 * RDS's name of each size that it has as well; of c6i it has none, and its smallest of t3 is micro. No PostgreSQL of ours
 * runs there, so ARM is as good.
 * Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Support.html, 2026.
 */
export const databaseClasses: ReadonlyMap<string, string> = new Map(
  [
    "t3.micro",
    "t3.small",
    "t3.medium",
    "t3.large",
    "t3.xlarge",
    "t4g.medium",
    "m6i.large",
    "m6i.xlarge",
    "m6i.2xlarge",
    "m6i.4xlarge",
    "m7g.large",
  ].map((type) => [type, `db.${type}`]),
);

/** What RDS gives at least, in GB, on gp3. */
export const leastDatabaseGB = 20;

/** A NAT instance: it does nothing but hand packets on. */
export const natInstance = { type: "t3.nano", diskGB: 8 } as const;

/**
 * What a tier's subnets are for. `public`: its machines have public addresses, at every stage. `private` and `data`: they
 * have them only where there is no NAT, to reach package sources by; nobody comes in that way (security groups).
 */
export const subnetKinds = {
  edge: "public",
  // The first app server is the public's way in until there are balancers; its subnet cannot change.
  app: "public",
  cdn: "public",
  worker: "private",
  control: "private",
  node: "private",
  database: "data",
  cache: "data",
  broker: "data",
  search: "data",
} as const satisfies Record<Tier, "public" | "private" | "data">;

export type SubnetKind = (typeof subnetKinds)[Tier];
