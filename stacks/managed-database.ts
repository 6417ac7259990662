import type { Settings } from "../src/settings/schema.js";
import { databaseClasses, leastDatabaseGB } from "../src/topology/aws-catalog.js";
import { serverType } from "../src/topology/catalog.js";
import type { ManagedDatabase, Region } from "../src/topology/topology.js";
import { tierOfDatabase } from "./joining.js";
import type { StagePlan } from "./plan.js";

/**
 * A stage whose database the provider runs: the same services, and the same flows to it, but no machine.
 * @throws RangeError when the stage has no database
 */
export function managedDatabase(plan: StagePlan): StagePlan {
  const tier = tierOfDatabase(plan);
  return {
    ...plan,
    services: plan.services.map((service) =>
      service.tier === tier && service.stateful ? { ...service, managed: true as const } : service,
    ),
  };
}

/**
 * It is as large as the database's server would be, and its volume.
 * @throws RangeError when the provider has no such size; settings have been checked before
 */
export function managedDatabaseOf(
  settings: Settings,
  { services }: StagePlan,
  home: Region | undefined,
): { managedDatabase?: ManagedDatabase } {
  const service = services.find(({ managed }) => managed);
  if (!service || !settings.managed || !home) return {};
  const { databaseServerType, databaseVolume = leastDatabaseGB, managed } = settings;
  const instanceClass = databaseClasses.get(databaseServerType);
  if (instanceClass === undefined) throw new RangeError(`${databaseServerType} is no size of a database`);
  const { cores, memoryMiB } = serverType(databaseServerType);
  return {
    managedDatabase: {
      name: "database",
      region: home.name,
      tier: service.tier,
      service: service.name,
      // What roles install on machines of the stack, and the shop is tested with.
      version: "15",
      instanceClass,
      cores,
      memoryMiB,
      storageGB: databaseVolume,
      ...managed,
    },
  };
}
