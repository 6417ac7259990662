import {
  locations as locationData,
  otherPrices,
  serverTypes as serverTypeData,
  systemImages,
} from "./catalog-data.js";
import type { Static } from "typebox";
import type { Image, Location, Price, ServerType } from "./schemas.js";

/** What the cloud offers; fixed while it runs. */
export interface Catalog {
  locations: readonly Static<typeof Location>[];
  serverTypes: Static<typeof ServerType>[];
  images: Static<typeof Image>[];
}

const vatRate = 19;

const decimal = (value: number): string => value.toFixed(4);

const price = (net: number): Static<typeof Price> => ({
  net: decimal(net),
  gross: decimal(net * (1 + vatRate / 100)),
});

/** A month is capped at what 624 hours cost (5.49 / 0.0088). */
const hourly = (monthly: number): number => monthly / 624;

const terabyte = 2 ** 40;

/** @param architecture of this computer: machines of the other one cannot run here and are "not available" */
export function createCatalog(architecture: "x86" | "arm"): Catalog {
  const serverTypes = serverTypeData.map((type) => {
    const offered = locationData.filter(
      ({ network_zone }) => !type.europeOnly || network_zone === "eu-central",
    );
    const own = type.architecture === "any" ? architecture : type.architecture;
    return {
      id: type.id,
      name: type.name,
      description: type.name.toUpperCase(),
      category: type.category,
      cores: type.cores,
      memory: type.memory,
      disk: type.disk,
      deprecated: false,
      deprecation: null,
      prices: offered.map(({ name }) => ({
        location: name,
        price_hourly: price(hourly(type.monthly)),
        price_monthly: price(type.monthly),
        included_traffic: type.traffic * terabyte,
        price_per_tb_traffic: price(otherPrices.trafficPerTB),
      })),
      storage_type: "local" as const,
      cpu_type: type.cpu,
      architecture: own,
      locations: offered.map(({ id, name }) => ({
        id,
        name,
        deprecation: null,
        available: own === architecture,
        recommended: own === architecture,
      })),
    };
  });
  const images = systemImages.map((image) => ({
    id: image.id[architecture],
    name: image.name,
    description: image.description,
    os_flavor: image.os_flavor,
    os_version: image.os_version,
    created: image.created,
    status: "available" as const,
    type: "system" as const,
    image_size: null,
    disk_size: 5,
    created_from: null,
    bound_to: null,
    architecture,
    rapid_deploy: true,
    protection: { delete: false },
    deprecated: null,
    deleted: null,
    labels: {},
  }));
  return { locations: locationData, serverTypes, images };
}

/** The answer of GET /pricing. */
export function pricing(catalog: Catalog) {
  const everywhere = <T>(one: (location: string) => T): T[] => catalog.locations.map(({ name }) => one(name));
  const { loadBalancer, primaryIPv4, floatingIPv4 } = otherPrices;
  const monthlyAt = (monthly: number) =>
    everywhere((location) => ({ location, price_monthly: price(monthly) }));
  return {
    currency: "EUR",
    vat_rate: vatRate.toFixed(4),
    image: { price_per_gb_month: price(otherPrices.imagePerGB) },
    volume: { price_per_gb_month: price(otherPrices.volumePerGB) },
    server_backup: { percentage: otherPrices.backupPercent.toFixed(4) },
    floating_ip: { price_monthly: price(floatingIPv4) },
    floating_ips: [
      { type: "ipv4", prices: monthlyAt(floatingIPv4) },
      { type: "ipv6", prices: monthlyAt(0) },
    ],
    primary_ips: [
      { type: "ipv4", monthly: primaryIPv4 },
      { type: "ipv6", monthly: 0 },
    ].map(({ type, monthly }) => ({
      type,
      prices: everywhere((location) => ({
        location,
        price_hourly: price(hourly(monthly)),
        price_monthly: price(monthly),
      })),
    })),
    server_types: catalog.serverTypes.map(({ id, name, prices }) => ({ id, name, prices })),
    load_balancer_types: [
      {
        id: loadBalancer.id,
        name: loadBalancer.name,
        prices: everywhere((location) => ({
          location,
          price_hourly: price(hourly(loadBalancer.monthly)),
          price_monthly: price(loadBalancer.monthly),
          included_traffic: loadBalancer.traffic * terabyte,
          price_per_tb_traffic: price(otherPrices.trafficPerTB),
        })),
      },
    ],
  };
}
