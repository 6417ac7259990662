import type { Stage } from "./stages.js";
import { machinesOf, type Topology } from "./topology.js";

/** What a live stack cannot change without moving data or losing machines. */
export interface Guarded {
  stage: string;
  provider: string;
  location: string;
  image: string;
  /** Ranges of the private networks by region. New regions may come, known ones stay. */
  addresses?: Readonly<Record<string, string>>;
  /** Disks of the machines, in GB. They may grow; machines may come and go with their stage. */
  disks?: Readonly<Record<string, number>>;
  /** Volumes by machine, in GB. They may grow, and come with their machine. */
  volumes?: Readonly<Record<string, number>>;
  /** Numbers of the database's logins; the app uses the first. */
  databaseLogins?: readonly number[];
  /** Present where the provider's load balancer is the public's way in. */
  loadBalancer?: "managed";
  /** GB of a database that the provider runs; absent: machines of the stack do. It may grow. */
  managedDatabase?: number;
  /** How many machines share the address by which the public comes; absent: it is a machine's own. */
  addressShared?: number;
}

/** What is guarded of a stack. */
export function guarded(
  settings: Pick<Guarded, "stage" | "provider" | "location" | "image" | "databaseLogins">,
  topology: Topology,
): Guarded {
  const { stage, provider, location, image, databaseLogins } = settings;
  const [shared] = topology.floatingAddresses ?? [];
  const { managedDatabase } = topology;
  return {
    stage,
    provider,
    location,
    image,
    ...(databaseLogins && { databaseLogins }),
    ...(topology.loadBalancers?.some(({ name }) => name === topology.entries[0]?.service) && {
      loadBalancer: "managed" as const,
    }),
    ...(managedDatabase && { managedDatabase: managedDatabase.storageGB }),
    addresses: Object.fromEntries(topology.regions.map(({ name, range }) => [name, range])),
    disks: Object.fromEntries(topology.machines.map(({ name, diskGB }) => [name, diskGB])),
    ...(shared && { addressShared: machinesOf(topology, shared.service).length }),
    ...(topology.volumes.length > 0 && {
      volumes: Object.fromEntries(topology.volumes.map(({ machine, sizeGB }) => [machine, sizeGB])),
    }),
  };
}

export interface Refusal {
  /** What would happen. */
  reason: string;
  /** What to do instead. */
  remedy: string;
}

/**
 * Decides whether a stack may go from one state to another by `pulumi up` alone.
 * @param next its `token`, made by {@link changeToken}, allows exactly this change; only commands that move the data
 *   (`evolve`, `rebuild`) give one
 * @returns undefined when it may
 */
export function stageChange(
  old: Guarded,
  next: Guarded & { token?: string | undefined },
): Refusal | undefined {
  const refusals = changes(old, next);
  if (refusals.length === 0 || next.token === changeToken(old, next)) return undefined;
  return {
    reason: refusals.map(({ reason }) => reason).join("; "),
    remedy: [...new Set(refusals.map(({ remedy }) => remedy))].join(" "),
  };
}

/** Names one change, e.g. "stage:droplet>split"; empty when nothing is guarded against. */
export function changeToken(old: Guarded, next: Guarded): string {
  return changes(old, next)
    .map(({ token }) => token)
    .join(",");
}

function changes(old: Guarded, next: Guarded): (Refusal & { token: string })[] {
  const found: (Refusal & { token: string })[] = [];
  const add = (what: string, from: string, to: string, reason: string, remedy: string) =>
    found.push({ token: `${what}:${from}>${to}`, reason, remedy });

  const [runBy, nextRunBy] = [whoRunsDatabase(old), whoRunsDatabase(next)];
  if (runBy !== nextRunBy) {
    add(
      "managed",
      runBy,
      nextRunBy,
      `the database would be run by ${nextRunBy} instead of ${runBy}, and the new one would start empty`,
      `Put dukaan:managed back${old.stage === next.stage ? "" : `, and dukaan:stage to ${old.stage}`}. To move, bring up a second stack and load a dump into it.`,
    );
  }
  if ((old.managedDatabase ?? 0) > (next.managedDatabase ?? Infinity)) {
    add(
      "storage",
      String(old.managedDatabase),
      String(next.managedDatabase),
      `the database's storage would shrink from ${old.managedDatabase} to ${next.managedDatabase} GB, which AWS cannot do`,
      `Put dukaan:databaseVolume back to ${old.managedDatabase}.`,
    );
  }
  const [place, nextPlace] = [databasePlace(old), databasePlace(next)];
  if (runBy === nextRunBy && place !== nextPlace) {
    add(
      "stage",
      old.stage,
      next.stage,
      `the stage would change from ${old.stage} to ${next.stage}, and the new database would start empty`,
      `Put dukaan:stage back to ${old.stage}, then run \`./dukaan evolve ${next.stage}\`: it moves the data while the shop stays open.`,
    );
  }
  const [way, nextWay] = [wayIn(old), wayIn(next)];
  if (old.stage === next.stage && way !== nextWay) {
    const of = (one: Guarded) => one.loadBalancer ?? "haproxy";
    add(
      "loadBalancer",
      of(old),
      of(next),
      `the public's way in would move from ${way} to ${nextWay}: whoever knows the old address would find it closed`,
      `Put dukaan:loadBalancer back to ${of(old)}. To change it with both addresses open: ./dukaan evolve split, ./dukaan evolve split --finish, set dukaan:loadBalancer to ${of(next)}, ./dukaan evolve ${old.stage}.`,
    );
  }
  if (old.stage !== next.stage && place === nextPlace && way !== nextWay) {
    add(
      "stage",
      old.stage,
      next.stage,
      `the stage would change from ${old.stage} to ${next.stage}, and the public's way in would move from ${way} to ${nextWay}: whoever knows the old address would find it closed`,
      `Put dukaan:stage back to ${old.stage}, then run \`./dukaan evolve ${next.stage}\`: both are open until you say that it is finished.`,
    );
  }
  // With one balancer it is given up by who sets that; where the balancers go, another way in was open before.
  const stays = next.disks?.["edge-1"] !== undefined;
  if (stays && (old.addressShared ?? 0) > 1 && next.addressShared === undefined) {
    add(
      "address",
      "shared",
      "own",
      "the address by which the public comes would be given up with the second load balancer: whoever knows it would find it closed",
      "Set dukaan:floatingIp to true, which keeps it with one load balancer.",
    );
  }
  if (old.provider !== next.provider || old.location !== next.location) {
    const from = `${old.provider}/${old.location}`;
    const to = `${next.provider}/${next.location}`;
    add(
      "location",
      from,
      to,
      `the location would change from ${from} to ${to}: every machine would be deleted with its data and made anew there`,
      `Put it back to ${from}. To move, bring up a second stack at ${to} and restore a backup into it.`,
    );
  }
  if (old.image !== next.image) {
    add(
      "image",
      old.image,
      next.image,
      `the image would change from ${old.image} to ${next.image}: every machine would be deleted with its data`,
      `Put dukaan:image back to ${old.image}, then run \`./dukaan rebuild <machine>\` for each machine.`,
    );
  }
  for (const [region, range] of Object.entries(old.addresses ?? {})) {
    const other = next.addresses?.[region];
    if (other === undefined || other === range) continue;
    add(
      `network/${region}`,
      range,
      other,
      `the private network of ${region} would change from ${range} to ${other}: it would be deleted and every machine cut off`,
      `Put dukaan:networkCidr back to ${range}.`,
    );
  }
  for (const [machine, size] of Object.entries(old.disks ?? {})) {
    const other = next.disks?.[machine];
    if (other === undefined || other >= size) continue;
    add(
      `disk/${machine}`,
      String(size),
      String(other),
      `the disk of ${machine} would shrink from ${size} to ${other} GB, which no cloud can do: the machine would have to be made anew, without its data`,
      `Put dukaan:serverType back, or run \`./dukaan rebuild ${machine}\`, which makes it anew.`,
    );
  }
  for (const machine of Object.keys(old.disks ?? {})) {
    if (next.disks?.[machine] === undefined) continue;
    const [size, other] = [old.volumes?.[machine] ?? 0, next.volumes?.[machine] ?? 0];
    if (size === other || (size > 0 && other > size)) continue;
    const [reason, remedy] =
      size === 0
        ? [
            `the database of ${machine} would move from the server's own disk to an empty volume`,
            old.provider === "aws"
              ? "Take dukaan:databaseVolume away again. To move it, bring up a second stack with a volume and restore a backup into it."
              : `Take dukaan:databaseVolume away again. To move it: ./dukaan backup; set dukaan:databaseVolume to ${other}; ./dukaan rebuild ${machine}; ./dukaan restore --latest.`,
          ]
        : [
            other === 0
              ? `the volume of ${machine} would be deleted with the database on it`
              : `the volume of ${machine} would shrink from ${size} to ${other} GB, which no cloud can do`,
            `Put dukaan:databaseVolume back to ${size}. To go to a smaller one or to none, move the database to stage droplet and back with ./dukaan evolve.`,
          ];
    add(`volume/${machine}`, String(size), String(other), reason, remedy);
  }
  const [login] = old.databaseLogins ?? [];
  if (login !== undefined && next.databaseLogins && !next.databaseLogins.includes(login)) {
    const logins = JSON.stringify(next.databaseLogins);
    add(
      "login",
      String(login),
      logins,
      `the database's login shop_${login} would be dropped while the app uses it: the shop would be closed until the next release`,
      `Set dukaan:databaseLogins to [${next.databaseLogins[0]}, ${login}] first and to ${logins} when that is deployed; \`./dukaan rotate database-password\` does both.`,
    );
  }
  return found;
}

/** Whose address the public knows. */
function wayIn({ stage, loadBalancer }: Guarded): string {
  return loadBalancer === "managed" ? "the load balancer" : entryMachine(stage);
}

/** Whose address the public knows where machines of the stack are the entry. A stage not known here counts as its own. */
function entryMachine(stage: string): string {
  const places: Record<Stage, string> = {
    droplet: "app-1",
    split: "app-1",
    fleet: "edge-1",
    replicas: "edge-1",
    redis: "edge-1",
    kafka: "edge-1",
    search: "edge-1",
    cdn: "the edge caches",
    kubernetes: "the edge caches",
    anycast: "the anycast address",
  };
  return Object.entries(places).find(([known]) => known === stage)?.[1] ?? stage;
}

function whoRunsDatabase({ managedDatabase }: Guarded): string {
  return managedDatabase === undefined ? "the stack" : "AWS";
}

/** Where the database's data is, by machine where the stack runs it. */
function databasePlace(one: Guarded): string {
  return one.managedDatabase === undefined ? databaseMachine(one.stage) : whoRunsDatabase(one);
}

/** Where the database's data is: a change of machine means moving it. A stage not known here counts as its own. */
function databaseMachine(stage: string): string {
  const places: Record<Stage, string> = {
    droplet: "app-1",
    split: "database-1",
    fleet: "database-1",
    replicas: "database-1",
    redis: "database-1",
    kafka: "database-1",
    search: "database-1",
    cdn: "database-1",
    kubernetes: "database-1",
    // Each region has its own primary for its own stores.
    anycast: "one a region",
  };
  return Object.entries(places).find(([known]) => known === stage)?.[1] ?? stage;
}
