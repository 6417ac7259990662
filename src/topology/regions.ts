/**
 * Where the markets of a store platform with customers on every continent are served from: the nine regions of the last
 * stage. Hetzner has six locations; a market without one of its own is served from the nearest. Nearest by cable, not by
 * map: South America's traffic lands in the east of the USA.
 */
export interface Market {
  name: string;
  /** For people. */
  city: string;
  /** Where most of its buyers are; prices of delivery differ by it. */
  geography: Geography;
  hetzner: string;
  aws: string;
  /** Why Hetzner's location is not where the market is. */
  remark?: string;
}

export const geographies = [
  "india",
  "asia-pacific",
  "japan",
  "australia",
  "europe",
  "north-america",
  "south-america",
] as const;

export type Geography = (typeof geographies)[number];

const none = (city: string) => `Hetzner has no location in ${city}; served from Singapore`;

export const markets: readonly Market[] = [
  {
    name: "frankfurt",
    city: "Frankfurt",
    geography: "europe",
    hetzner: "fsn1",
    aws: "eu-central-1",
  },
  {
    name: "mumbai",
    city: "Mumbai",
    geography: "india",
    hetzner: "sin",
    aws: "ap-south-1",
    remark: `${none("Mumbai")}, or from another provider's metal`,
  },
  {
    name: "singapore",
    city: "Singapore",
    geography: "asia-pacific",
    hetzner: "sin",
    aws: "ap-southeast-1",
  },
  {
    name: "tokyo",
    city: "Tokyo",
    geography: "japan",
    hetzner: "sin",
    aws: "ap-northeast-1",
    remark: none("Tokyo"),
  },
  {
    name: "sydney",
    city: "Sydney",
    geography: "australia",
    hetzner: "sin",
    aws: "ap-southeast-2",
    remark: none("Sydney"),
  },
  {
    name: "london",
    city: "London",
    geography: "europe",
    hetzner: "nbg1",
    aws: "eu-west-2",
    remark: "Hetzner has no location in London; served from Nuremberg",
  },
  { name: "virginia", city: "Virginia", geography: "north-america", hetzner: "ash", aws: "us-east-1" },
  { name: "oregon", city: "Oregon", geography: "north-america", hetzner: "hil", aws: "us-west-2" },
  {
    name: "saopaulo",
    city: "São Paulo",
    geography: "south-america",
    hetzner: "ash",
    aws: "sa-east-1",
    remark: "Hetzner has no location in São Paulo; served from Ashburn",
  },
];

/** AWS's region that stands nearest to a location of Hetzner. */
export const awsRegions: Readonly<Record<string, string>> = {
  fsn1: "eu-central-1",
  nbg1: "eu-central-1",
  hel1: "eu-central-1",
  ash: "us-east-1",
  hil: "us-west-2",
  sin: "ap-southeast-1",
};
