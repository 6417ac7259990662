/** Locations of Hetzner Cloud with their ids: https://docs.hetzner.com/cloud/general/locations/ */
export const locations = [
  {
    id: 1,
    name: "fsn1",
    description: "Falkenstein DC Park 1",
    country: "DE",
    city: "Falkenstein",
    latitude: 50.47612,
    longitude: 12.370071,
    network_zone: "eu-central",
  },
  {
    id: 2,
    name: "nbg1",
    description: "Nuremberg DC Park 1",
    country: "DE",
    city: "Nuremberg",
    latitude: 49.452102,
    longitude: 11.076665,
    network_zone: "eu-central",
  },
  {
    id: 3,
    name: "hel1",
    description: "Helsinki DC Park 1",
    country: "FI",
    city: "Helsinki",
    latitude: 60.169855,
    longitude: 24.938379,
    network_zone: "eu-central",
  },
  {
    id: 4,
    name: "ash",
    description: "Ashburn, VA",
    country: "US",
    city: "Ashburn, VA",
    latitude: 39.045821,
    longitude: -77.487073,
    network_zone: "us-east",
  },
  {
    id: 5,
    name: "hil",
    description: "Hillsboro, OR",
    country: "US",
    city: "Hillsboro, OR",
    latitude: 45.54222,
    longitude: -122.951924,
    network_zone: "us-west",
  },
  {
    id: 6,
    name: "sin",
    description: "Singapore",
    country: "SG",
    city: "Singapore",
    latitude: 1.283333,
    longitude: 103.833333,
    network_zone: "ap-southeast",
  },
] as const;

export interface ServerTypeData {
  id: number;
  name: string;
  category: string;
  cores: number;
  /** GB */
  memory: number;
  /** GB */
  disk: number;
  cpu: "shared" | "dedicated";
  /** "any": that of this computer. */
  architecture: "x86" | "arm" | "any";
  /** TB a month that cost nothing. */
  traffic: number;
  /** Offered in Europe only. */
  europeOnly: boolean;
  /** Euro a month, net, at most. */
  monthly: number;
}

const shared = (
  id: number,
  name: string,
  [cores, memory, disk]: [number, number, number],
  monthly: number,
): ServerTypeData => ({
  id,
  name,
  cores,
  memory,
  disk,
  monthly,
  category: name.startsWith("cpx") ? "Regular Performance" : "Cost-Optimized",
  cpu: "shared",
  architecture: name.startsWith("cax") ? "arm" : "x86",
  traffic: 20,
  europeOnly: !name.startsWith("cpx"),
});

const dedicated = (
  id: number,
  name: string,
  [cores, memory, disk]: [number, number, number],
  traffic: number,
  monthly: number,
): ServerTypeData => ({
  id,
  name,
  cores,
  memory,
  disk,
  traffic,
  monthly,
  category: "General Purpose",
  cpu: "dedicated",
  architecture: "x86",
  europeOnly: false,
});

/**
 * Server types with Hetzner's ids. Prices are the European list of 2026-06-15, stated for every location; they make
 * the API's answers whole and are not for calculating costs: the local cloud is free.
 */
export const serverTypes: readonly ServerTypeData[] = [
  {
    id: 1_000_001,
    name: "local-512",
    category: "Local",
    cores: 1,
    memory: 0.5,
    disk: 10,
    cpu: "shared",
    architecture: "any",
    traffic: 1,
    europeOnly: false,
    monthly: 0,
  },
  shared(114, "cx23", [2, 4, 40], 5.49),
  shared(115, "cx33", [4, 8, 80], 8.49),
  shared(116, "cx43", [8, 16, 160], 15.99),
  shared(117, "cx53", [16, 32, 320], 29.49),
  shared(45, "cax11", [2, 4, 40], 5.99),
  shared(93, "cax21", [4, 8, 80], 10.49),
  shared(94, "cax31", [8, 16, 160], 20.99),
  shared(95, "cax41", [16, 32, 320], 40.99),
  shared(109, "cpx22", [2, 4, 80], 19.49),
  shared(110, "cpx32", [4, 8, 160], 35.49),
  shared(111, "cpx42", [8, 16, 320], 69.49),
  shared(112, "cpx52", [12, 24, 480], 100.49),
  dedicated(96, "ccx13", [2, 8, 80], 20, 42.99),
  dedicated(97, "ccx23", [4, 16, 160], 20, 85.99),
  dedicated(98, "ccx33", [8, 32, 240], 30, 138.49),
  dedicated(99, "ccx43", [16, 64, 360], 40, 275.99),
  dedicated(101, "ccx63", [48, 192, 960], 60, 853.49),
];

/** Prices of everything else, Euro net a month, from the same list. */
export const otherPrices = {
  primaryIPv4: 0.5,
  floatingIPv4: 3,
  volumePerGB: 0.0572,
  imagePerGB: 0.0143,
  trafficPerTB: 1,
  backupPercent: 20,
  loadBalancer: { id: 1, name: "lb11", monthly: 7.49, traffic: 1 },
} as const;

/** Base images of the local cloud, with Hetzner's ids. */
export const systemImages = [
  {
    id: { x86: 114_690_387, arm: 114_690_389 },
    name: "debian-12",
    description: "Debian 12",
    os_flavor: "debian",
    os_version: "12",
    created: "2023-06-13T06:00:02Z",
  },
] as const;
