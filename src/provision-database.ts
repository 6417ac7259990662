import * as pulumi from "@pulumi/pulumi";
import { Backups } from "../components/backups.js";
import { Database, type ShopDatabase } from "../components/database.js";
import type { Environment } from "../components/environment.js";
import type { Machine } from "../components/machine.js";
import { type ObjectStorage, isOwn } from "../components/object-storage.js";
import { isProtected } from "./protection.js";
import { archiveCommand } from "./roles/backup/index.js";
import type { Settings } from "./settings/schema.js";
import type { ManagedDatabase, Topology } from "./topology/topology.js";

/**
 * The shop's database: on machines of the stack, with backups that these make, or run by the provider.
 * @throws Error when the stage has none
 */
export async function provisionDatabase(
  settings: Settings,
  topology: Topology,
  environment: Environment,
  storage: ObjectStorage | undefined,
): Promise<{ database: ShopDatabase; backups?: Backups | undefined }> {
  const { managedDatabase } = topology;
  if (managedDatabase)
    return { database: await makeManaged(managedDatabase, settings, topology, environment) };
  const machinesFor = (service: string) => machinesIn(environment, topology, service);
  const [machine] = machinesFor("postgresql");
  if (!machine) throw new Error(`stage ${topology.stage} lacks PostgreSQL`);
  const database = new Database(
    "database",
    {
      machine,
      standbys: machinesFor("postgresql-standby"),
      copies: machinesFor("postgresql-copy"),
      topology,
      authority: environment.internalAuthority,
      logins: settings.databaseLogins,
      archiveCommand: settings.backup && archiveCommand,
    },
    { parent: environment },
  );
  return { database, backups: makeBackups(settings, machine, database, storage, environment) };
}

/** Loads the SDK of the provider's cloud, as only a stack that is there does. */
async function makeManaged(
  about: ManagedDatabase,
  settings: Settings,
  topology: Topology,
  environment: Environment,
): Promise<ShopDatabase> {
  const { ManagedDatabase: Managed } = await import("../components/aws/database.js");
  const region = environment.regions[about.region];
  const [server] = machinesIn(environment, topology, "api");
  if (!region || !server)
    throw new Error(`stage ${topology.stage} lacks a machine that reaches its database`);
  return new Managed(
    about.name,
    {
      about,
      region,
      server,
      stack: topology.stack,
      protect: isProtected(settings),
      logins: settings.databaseLogins,
    },
    { parent: environment },
  );
}

function machinesIn(environment: Environment, { services }: Topology, service: string): Machine[] {
  return services
    .filter(({ name }) => name === service)
    .flatMap(({ machines }) => machines.map((name) => environment.machine(name)));
}

function makeBackups(
  { backup, local }: Settings,
  machine: Machine,
  { ready }: Database,
  storage: ObjectStorage | undefined,
  parent: pulumi.Resource,
): Backups | undefined {
  if (!backup) {
    const warning =
      "there are no backups (dukaan:backup): if the server's disk is lost, so is the shop's data";
    if (!local) void pulumi.log.warn(warning);
    return undefined;
  }
  const bucket = isOwn(backup) ? storage?.bucket("backups") : backup;
  if (!bucket) throw new Error("the stack has no bucket for its backups");
  const args = { machine, plan: backup, bucket, database: ready, protect: isProtected({ local }) };
  return new Backups("backups", args, { parent });
}
