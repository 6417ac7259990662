import type { FastifySchema } from "fastify";
import { Type, type TSchema } from "typebox";
import { LoadBalancer } from "./load-balancer-schemas.js";
import * as schemas from "./schemas.js";
import { Zone, ZoneRrset } from "./zone-rows.js";

/** A route as it was added: "/servers/:id". */
export interface DocumentedRoute {
  method: string;
  path: string;
  schema: FastifySchema | undefined;
}

/** What is in each list, by its name in the answer. */
const listed: Record<string, TSchema> = {
  actions: schemas.Action,
  certificates: schemas.Certificate,
  firewalls: schemas.Firewall,
  floating_ips: schemas.FloatingIp,
  images: schemas.Image,
  isos: Type.Object({ id: schemas.Id, name: Type.String() }),
  load_balancer_types: schemas.LoadBalancerType,
  load_balancers: LoadBalancer,
  locations: schemas.Location,
  networks: schemas.Network,
  placement_groups: schemas.PlacementGroup,
  primary_ips: schemas.PrimaryIp,
  rrsets: ZoneRrset,
  server_types: schemas.ServerType,
  servers: schemas.Server,
  ssh_keys: schemas.SshKey,
  volumes: schemas.Volume,
  zones: Zone,
};

const page = Type.Union([Type.Integer({ minimum: 1 }), Type.Null()]);
const Meta = Type.Object({
  pagination: Type.Object({
    page: Type.Integer(),
    per_page: Type.Integer(),
    previous_page: page,
    next_page: page,
    last_page: Type.Integer(),
    total_entries: Type.Integer(),
  }),
});

const ErrorAnswer = Type.Object({
  error: Type.Object({
    code: Type.String(),
    message: Type.String(),
    details: schemas.Nullable(Type.Object({})),
  }),
});

const errors = {
  400: "The body is no JSON, or the request is none",
  401: "No token, or a wrong one",
  403: "A limit is reached",
  404: "There is no such resource",
  409: "It conflicts with what there is",
  410: "Removed by Hetzner",
  412: "A condition is not met",
  422: "Something in the request is wrong; `details` names the fields. Or it cannot be done here",
  423: "The resource is locked by an action, or protected",
  429: "Too many requests",
} as const;

/** Which errors a route can answer. */
function errorsOf({ method, path, schema }: DocumentedRoute): (keyof typeof errors)[] {
  const takesInput = schema?.params !== undefined || schema?.querystring !== undefined;
  if (method !== "GET") return [400, 401, 403, 404, 409, 412, 422, 423, 429];
  const removed = path === "/actions" || path.startsWith("/datacenters");
  return [400, 401, ...(takesInput ? ([404, 422] as const) : []), ...(removed ? ([410] as const) : []), 429];
}

const json = (schema: TSchema) => ({ "application/json": { schema } });

/** The answers of a route that are no errors. */
function successOf({ method, path, schema }: DocumentedRoute): Record<string, object> {
  const stated = Object.entries((schema?.response ?? {}) as Record<string, TSchema>);
  if (stated.length > 0) {
    return Object.fromEntries(
      stated.map(([code, answer]) => [code, { description: "Done", content: json(answer) }]),
    );
  }
  const name = path.split("/").at(-1) ?? "";
  const item = listed[name];
  if (method === "GET" && item) {
    const answer = Type.Object({ [name]: Type.Array(item), meta: Meta });
    return { 200: { description: "One page of them", content: json(answer) } };
  }
  if (method === "DELETE") return { 204: { description: "Deleted" } };
  return method === "GET" ? { 200: { description: "Done", content: json(Type.Object({})) } } : {};
}

function parametersOf({ schema }: DocumentedRoute): object[] {
  const from = (place: "path" | "query", part: unknown) => {
    const { properties = {}, required = [] } = (part ?? {}) as {
      properties?: Record<string, TSchema>;
      required?: string[];
    };
    return Object.entries(properties).map(([name, one]) => ({
      name,
      in: place,
      required: place === "path" || required.includes(name),
      schema: one,
    }));
  };
  return [...from("path", schema?.params), ...from("query", schema?.querystring)];
}

/** The OpenAPI 3.1 document of the routes: of the same schemas that requests are checked against. */
export function openApiDocument(routes: readonly DocumentedRoute[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:([a-z_]+)/g, "{$1}");
    const body = route.schema?.body as TSchema | undefined;
    const operation = {
      tags: [path.split("/")[1] ?? ""],
      ...(parametersOf(route).length > 0 && { parameters: parametersOf(route) }),
      ...(body && { requestBody: { content: json(body) } }),
      responses: {
        ...successOf(route),
        ...Object.fromEntries(
          errorsOf(route).map((code) => [
            code,
            {
              description: errors[code],
              content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
            },
          ]),
        ),
      },
    };
    (paths[path] ??= {})[route.method.toLowerCase()] = operation;
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Hetzner Cloud on this computer",
      version: "1",
      description: "The part of the Hetzner Cloud API that this local cloud answers.",
    },
    servers: [{ url: "/v1" }],
    security: [{ token: [] }],
    paths,
    components: {
      schemas: { Error: ErrorAnswer },
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
    },
  };
}
