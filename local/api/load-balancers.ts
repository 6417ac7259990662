import { Type, type Static } from "typebox";
import type { LoadBalancerState } from "../machines/host.js";
import { timestamp } from "../state/actions.js";
import { readJson } from "../state/json.js";
import type { App } from "./app.js";
import { settled, settleTime, type Cloud } from "./cloud.js";
import { invalidInput, isProtected, limitExceeded, notFound, refused } from "./errors.js";
import { checkLabels, readLabels } from "./labels.js";
import { labelQuery, listQuery, nameQuery, paginate, sendPage } from "./listing.js";
import {
  findLoadBalancer,
  ipv6Of,
  loadBalancers,
  servicesOf,
  targetsOf,
  type LoadBalancerRow,
  type StoredTarget,
} from "./load-balancer-rows.js";
import { LoadBalancer, LoadBalancerInput, type TargetResource } from "./load-balancer-schemas.js";
import { newService, requireServicesFit } from "./load-balancer-services.js";
import { isSameTarget, readTarget, requireTargetFits, serversOf } from "./load-balancer-targets.js";
import { findLoadBalancerType } from "./load-balancer-types.js";
import { addressesIn, newMac } from "./network-addresses.js";
import { findNetwork } from "./network-rows.js";
import { requireFreeName } from "./names.js";
import { defaultPointer, type DnsPointer } from "./pointers.js";
import { freePublicAddress } from "./public-pool.js";
import { Action, Body, IdParams, Labels, Name } from "./schemas.js";

type Resource = Static<typeof LoadBalancer>;
type Input = Static<typeof LoadBalancerInput>;

export async function toLoadBalancerResource(cloud: Cloud, row: LoadBalancerRow): Promise<Resource> {
  // One that is only being made has no state yet.
  const now = await cloud.host.loadBalancers.state(String(row.id)).catch(() => undefined);
  const location = cloud.catalog.locations.find(({ name }) => name === row.location);
  if (!location) throw new Error(`load balancer ${row.id} is in the unknown location ${row.location}`);
  const type = findLoadBalancerType(cloud, row.load_balancer_type);
  const pointers = readJson<DnsPointer[]>(row.dns_ptr);
  const addressOf = (ip: string) => ({
    ip,
    dns_ptr: pointers.find((pointer) => pointer.ip === ip)?.dns_ptr ?? "",
  });
  return {
    id: row.id,
    name: row.name,
    public_net: {
      enabled: row.public_interface === 1,
      ipv4: addressOf(row.ipv4),
      ipv6: addressOf(ipv6Of(row)),
    },
    private_net: row.network_id === null ? [] : [{ network: row.network_id, ip: row.private_ip ?? "" }],
    location,
    load_balancer_type: type,
    protection: { delete: row.protection_delete === 1 },
    labels: readLabels(row.labels),
    created: row.created,
    services: servicesOf(row),
    targets: targetsOf(row).map((target) => targetResource(cloud, row, target, now)),
    algorithm: { type: row.algorithm },
    included_traffic: type.prices.find((price) => price.location === row.location)?.included_traffic ?? 0,
    ingoing_traffic: now?.bytesIn ?? null,
    outgoing_traffic: now?.bytesOut ?? null,
  };
}

function targetResource(
  cloud: Cloud,
  row: LoadBalancerRow,
  target: StoredTarget,
  now: LoadBalancerState | undefined,
): TargetResource {
  const healthOf = (id: string) =>
    servicesOf(row).map(({ listen_port: port }) => ({
      listen_port: port,
      status:
        now?.targets.find((one) => one.id === id && one.listenPort === port)?.health ?? ("unknown" as const),
    }));
  const serverTarget = (id: number, usePrivateIp: boolean) => ({
    type: "server" as const,
    server: { id },
    health_status: healthOf(String(id)),
    use_private_ip: usePrivateIp,
  });
  if (target.type === "ip") return { type: "ip", ip: { ip: target.ip }, health_status: healthOf(target.ip) };
  if (target.type === "server") return serverTarget(target.id, target.usePrivateIp);
  return {
    type: "label_selector",
    label_selector: { selector: target.selector },
    use_private_ip: target.usePrivateIp,
    targets: serversOf(cloud, target).map(({ id }) => serverTarget(id, target.usePrivateIp)),
  };
}

const One = Type.Object({ load_balancer: LoadBalancer });

export function loadBalancerRoutes(app: App, cloud: Cloud): void {
  const { state, actions } = cloud;
  const one = async (id: number) => ({
    load_balancer: await toLoadBalancerResource(cloud, findLoadBalancer(state, id)),
  });

  app.get(
    "/load_balancers",
    { schema: { querystring: Type.Object({ ...listQuery, ...nameQuery, ...labelQuery }) } },
    async (request, reply) => {
      const page = paginate(loadBalancers(state), request.query, ["id", "name", "created"]);
      const resources = await Promise.all(page.entries.map((row) => toLoadBalancerResource(cloud, row)));
      const shown = { ...page, entries: resources };
      return sendPage(request, reply, "load_balancers", shown, (resource) => resource);
    },
  );

  app.post(
    "/load_balancers",
    {
      schema: {
        body: LoadBalancerInput,
        response: { 201: Type.Object({ load_balancer: LoadBalancer, action: Action }) },
      },
    },
    async (request, reply) => {
      const { id, started } = state.transaction(() => {
        const created = createLoadBalancer(cloud, request.body);
        const resources = [{ type: "load_balancer" as const, id: created }];
        return { id: created, started: actions.start("create_load_balancer", resources) };
      });
      const { load_balancer } = await one(id);
      const [action = started] = await actions.settle([started], settleTime);
      void reply.code(201);
      return { load_balancer, action };
    },
  );

  app.get("/load_balancers/:id", { schema: { params: IdParams, response: { 200: One } } }, (request) =>
    one(request.params.id),
  );

  app.put(
    "/load_balancers/:id",
    {
      schema: {
        params: IdParams,
        body: Body({ name: Type.Optional(Name), labels: Type.Optional(Labels) }),
        response: { 200: One },
      },
    },
    (request) => {
      const row = findLoadBalancer(state, request.params.id);
      const { name = row.name, labels } = request.body;
      if (labels) checkLabels(labels);
      requireFreeName(state, "load_balancers", name, row.id);
      state.update("load_balancers", row.id, { name, ...(labels && { labels: JSON.stringify(labels) }) });
      return one(row.id);
    },
  );

  app.delete(
    "/load_balancers/:id",
    { schema: { params: IdParams, response: { 200: Type.Object({ action: Action }) } } },
    (request) => {
      const row = findLoadBalancer(state, request.params.id);
      if (row.protection_delete) throw isProtected("load balancer", "deleted");
      // What is not in the state is removed from the computer by the next start, at the latest.
      const started = state.transaction(() => {
        state.run("DELETE FROM load_balancers WHERE id = ?", row.id);
        return actions.start("delete_load_balancer", [{ type: "load_balancer", id: row.id }]);
      });
      return settled(cloud, started);
    },
  );
}

/** Writes a new load balancer into the state; its id. Call in a transaction: a refusal must leave nothing behind. */
function createLoadBalancer(cloud: Cloud, input: Input): number {
  const { state, catalog } = cloud;
  const labels = checkLabels(input.labels ?? {});
  requireFreeName(state, "load_balancers", input.name);
  const type = findLoadBalancerType(cloud, input.load_balancer_type, "load_balancer_type");
  const { location: wanted, network_zone: zone } = input;
  if (!wanted === !zone) throw invalidInput({ location: ["is needed, or network_zone, and not both"] });
  const location = catalog.locations.find(({ id, name, network_zone: own }) =>
    wanted ? id === wanted || name === wanted : own === zone,
  );
  if (!location)
    throw notFound(
      wanted ? "location" : "network zone",
      wanted ?? zone ?? "",
      wanted ? "location" : "network_zone",
    );

  const services = (input.services ?? []).map((service, index) =>
    newService(cloud, service, `services.${index}.`),
  );
  requireServicesFit(services, type, 412);
  const network = input.network ? findNetwork(state, input.network, "network") : undefined;
  const [ipv4, ipv6] = [freePublicAddress(cloud, "ipv4"), freePublicAddress(cloud, "ipv6")];
  const id = state.newId();
  state.insert("load_balancers", {
    id,
    name: input.name,
    load_balancer_type: type.name,
    location: location.name,
    algorithm: input.algorithm?.type ?? "round_robin",
    ipv4,
    ipv6,
    dns_ptr: JSON.stringify([defaultPointer(ipv4)]),
    public_interface: Number(input.public_interface ?? true),
    network_id: network?.id ?? null,
    private_ip: network ? addressesIn(cloud, network, location.name, undefined, "network").lowest() : null,
    mac_address: network ? newMac(state) : null,
    services: JSON.stringify(services),
    targets: "[]",
    labels: JSON.stringify(labels),
    created: timestamp(),
  });
  for (const [index, target] of (input.targets ?? []).entries()) {
    addTarget(cloud, findLoadBalancer(state, id), readTarget(target, `targets.${index}.`));
  }
  return id;
}

/** The targets with one more, as the state keeps them; written into it. @throws ApiError when it does not fit */
export function addTarget(cloud: Cloud, row: LoadBalancerRow, target: StoredTarget): string {
  const targets = targetsOf(row);
  if (targets.some((known) => isSameTarget(known, target))) {
    throw refused("target_already_defined", "load balancer already has this target");
  }
  requireTargetFits(cloud, row, target);
  const { name, max_targets: most } = findLoadBalancerType(cloud, row.load_balancer_type);
  if (targets.length >= most) {
    throw limitExceeded(
      "load_balancer_targets",
      `a load balancer of type ${name} has ${most} targets at most`,
    );
  }
  const text = JSON.stringify([...targets, target]);
  cloud.state.update("load_balancers", row.id, { targets: text });
  return text;
}
