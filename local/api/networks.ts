import { Type, type Static } from "typebox";
import { timestamp } from "../state/actions.js";
import type { State } from "../state/database.js";
import { formatIPv4 } from "./addresses.js";
import type { App } from "./app.js";
import type { Cloud } from "./cloud.js";
import { isProtected } from "./errors.js";
import { checkLabels, readLabels } from "./labels.js";
import { labelQuery, listQuery, nameQuery, paginate, sendPage } from "./listing.js";
import { balancersIn } from "./load-balancer-rows.js";
import { requireFreeName } from "./names.js";
import {
  findNetwork,
  readNetworkRange,
  routesOf,
  serversIn,
  storedRange,
  subnetsOf,
  type NetworkRow,
} from "./network-rows.js";
import { addRoute, addSubnet, RouteInput, SubnetInput } from "./network-plan.js";
import { Body, IdParams, Labels, Name, Network } from "./schemas.js";

function toResource(state: State, row: NetworkRow): Static<typeof Network> {
  const gateway = formatIPv4(storedRange(row.ip_range).first + 1);
  return {
    id: row.id,
    name: row.name,
    ip_range: row.ip_range,
    subnets: subnetsOf(state, row.id).map(({ type, ip_range, network_zone }) => ({
      type,
      ip_range,
      network_zone,
      gateway,
    })),
    routes: routesOf(state, row.id),
    servers: serversIn(state, row.id),
    load_balancers: balancersIn(state, row.id),
    protection: { delete: row.protection_delete === 1 },
    labels: readLabels(row.labels),
    created: row.created,
    expose_routes_to_vswitch: row.expose_routes_to_vswitch === 1,
  };
}

const One = Type.Object({ network: Network });

export function networkRoutes(app: App, cloud: Cloud): void {
  const { state, actions } = cloud;

  app.get(
    "/networks",
    { schema: { querystring: Type.Object({ ...listQuery, ...nameQuery, ...labelQuery }) } },
    (request, reply) => {
      const rows = state.all<NetworkRow>("SELECT * FROM networks");
      const page = paginate(rows, request.query, ["id", "name", "created"]);
      return sendPage(request, reply, "networks", page, (row) => toResource(state, row));
    },
  );

  app.post(
    "/networks",
    {
      schema: {
        body: Body({
          name: Name,
          ip_range: Type.String(),
          subnets: Type.Optional(Type.Array(SubnetInput)),
          routes: Type.Optional(Type.Array(RouteInput)),
          labels: Type.Optional(Labels),
          expose_routes_to_vswitch: Type.Optional(Type.Boolean()),
        }),
        response: { 201: One },
      },
    },
    (request, reply) => {
      const { name, ip_range: ipRange, subnets = [], routes = [] } = request.body;
      const labels = checkLabels(request.body.labels ?? {});
      readNetworkRange(ipRange);
      requireFreeName(state, "networks", name);
      const network = state.transaction(() => {
        const id = state.newId();
        state.insert("networks", {
          id,
          name,
          ip_range: ipRange,
          expose_routes_to_vswitch: Number(request.body.expose_routes_to_vswitch ?? false),
          labels: JSON.stringify(labels),
          created: timestamp(),
        });
        const row = findNetwork(state, id);
        for (const [index, subnet] of subnets.entries()) addSubnet(cloud, row, subnet, `subnets.${index}.`);
        for (const [index, route] of routes.entries()) addRoute(state, row, route, `routes.${index}.`);
        return toResource(state, row);
      });
      void reply.code(201);
      return { network };
    },
  );

  app.get("/networks/:id", { schema: { params: IdParams, response: { 200: One } } }, (request) => ({
    network: toResource(state, findNetwork(state, request.params.id)),
  }));

  app.put(
    "/networks/:id",
    {
      schema: {
        params: IdParams,
        body: Body({
          name: Type.Optional(Name),
          labels: Type.Optional(Labels),
          expose_routes_to_vswitch: Type.Optional(Type.Boolean()),
        }),
        response: { 200: One },
      },
    },
    (request) => {
      const row = findNetwork(state, request.params.id);
      const { name = row.name, labels, expose_routes_to_vswitch: expose } = request.body;
      if (labels) checkLabels(labels);
      requireFreeName(state, "networks", name, row.id);
      state.update("networks", row.id, {
        name,
        ...(labels && { labels: JSON.stringify(labels) }),
        ...(expose !== undefined && { expose_routes_to_vswitch: Number(expose) }),
      });
      return { network: toResource(state, findNetwork(state, row.id)) };
    },
  );

  app.delete("/networks/:id", { schema: { params: IdParams } }, async (request, reply) => {
    const row = findNetwork(state, request.params.id);
    if (row.protection_delete) throw isProtected("network", "deleted");
    const action = state.transaction(() => {
      const servers = serversIn(state, row.id);
      state.run("DELETE FROM server_networks WHERE network_id = ?", row.id);
      state.run("DELETE FROM networks WHERE id = ?", row.id);
      return actions.start("delete_network", [{ type: "network", id: row.id }], {
        servers: JSON.stringify(servers),
      });
    });
    await actions.settle([action], 10_000);
    return reply.code(204).send();
  });
}
