import { Type, type Static } from "typebox";
import type { App } from "./app.js";
import { pricing } from "./catalog.js";
import type { Cloud } from "./cloud.js";
import { notFound } from "./errors.js";
import { listQuery, nameQuery, paginate, sendPage } from "./listing.js";
import { IdParams, LoadBalancerType } from "./schemas.js";

/** Limits from https://docs.hetzner.com/cloud/load-balancers/overview/; the price list names only the first. */
const types = [
  { id: 1, name: "lb11", connections: 10_000, services: 5, targets: 25, certificates: 10 },
  { id: 2, name: "lb21", connections: 20_000, services: 15, targets: 75, certificates: 25 },
  { id: 3, name: "lb31", connections: 40_000, services: 30, targets: 150, certificates: 50 },
];

export function loadBalancerTypes({ catalog }: Pick<Cloud, "catalog">): Static<typeof LoadBalancerType>[] {
  const prices = pricing(catalog).load_balancer_types;
  return types.map(({ id, name, connections, services, targets, certificates }) => ({
    id,
    name,
    description: name.toUpperCase(),
    max_connections: connections,
    max_services: services,
    max_targets: targets,
    max_assigned_certificates: certificates,
    deprecated: null,
    prices: prices.find((one) => one.name === name)?.prices ?? [],
  }));
}

/** @throws ApiError not_found that names `field` */
export function findLoadBalancerType(
  cloud: Pick<Cloud, "catalog">,
  wanted: number | string,
  field?: string,
): Static<typeof LoadBalancerType> {
  const found = loadBalancerTypes(cloud).find(({ id, name }) => id === wanted || name === wanted);
  if (!found) throw notFound("load balancer type", wanted, field);
  return found;
}

export function loadBalancerTypeRoutes(app: App, cloud: Cloud): void {
  app.get(
    "/load_balancer_types",
    { schema: { querystring: Type.Object({ ...listQuery, ...nameQuery }) } },
    (request, reply) => {
      const page = paginate(loadBalancerTypes(cloud), request.query, ["id", "name"]);
      return sendPage(request, reply, "load_balancer_types", page, (type) => type);
    },
  );
  app.get(
    "/load_balancer_types/:id",
    {
      schema: {
        params: IdParams,
        response: { 200: Type.Object({ load_balancer_type: LoadBalancerType }) },
      },
    },
    (request) => ({ load_balancer_type: findLoadBalancerType(cloud, request.params.id) }),
  );
}
