import type { RouteOptions } from "fastify";
import type { App } from "./app.js";

declare module "fastify" {
  interface FastifySchema {
    /** What the operation does, in a few words; what has one is in the OpenAPI document. */
    summary?: string;
  }
}

/** The part of JSON Schema that is read here; the rest is handed on as it is (OpenAPI 3.1 has the same). */
interface JsonSchema {
  description?: string;
  properties?: Record<string, JsonSchema>;
  required?: readonly string[];
}

interface Operation {
  method: string;
  url: string;
  summary: string;
  schema: Partial<Record<"params" | "querystring" | "headers" | "body", JsonSchema>> & {
    response?: Record<string, JsonSchema>;
  };
}

/** An OpenAPI 3.1 document; the paths are the part that differs. */
export interface OpenApiDocument {
  openapi: string;
  info: { title: string; version: string; description: string };
  servers: { url: string }[];
  paths: Record<string, Record<string, { responses: Record<string, object> }>>;
}

/**
 * Collects the routes that are registered from now on and have a summary. The returned function makes the document of
 * them: from the same schemas that requests are checked by, so the two cannot differ.
 */
export function collectOperations(
  app: App,
  info: OpenApiDocument["info"],
  server: string,
): () => OpenApiDocument {
  const operations: Operation[] = [];
  app.addHook("onRoute", ({ method, url, schema }: RouteOptions) => {
    if (schema?.summary === undefined || typeof method !== "string" || method === "HEAD") return;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    operations.push({ method, url, summary: schema.summary, schema: schema as Operation["schema"] });
  });
  return () => {
    const paths: OpenApiDocument["paths"] = {};
    for (const operation of operations) {
      const path = operation.url.replaceAll(/:(\w+)/g, "{$1}");
      (paths[path] ??= {})[operation.method.toLowerCase()] = describe(operation);
    }
    return { openapi: "3.1.0", info, servers: [{ url: server }], paths };
  };
}

function describe({ summary, schema }: Operation) {
  return {
    summary,
    parameters: [
      ...parameters("path", schema.params),
      ...parameters("query", schema.querystring),
      ...parameters("header", schema.headers),
    ],
    ...(schema.body && { requestBody: { required: true, content: json(schema.body) } }),
    responses: Object.fromEntries(
      Object.entries(schema.response ?? {}).map(([status, body]) => [
        status,
        {
          description: body.description ?? "",
          // A redirect says what it has to say in its header fields.
          ...(body.properties && { content: json(body) }),
        },
      ]),
    ),
  };
}

function parameters(place: "path" | "query" | "header", schema: JsonSchema | undefined): object[] {
  return Object.entries(schema?.properties ?? {}).map(([name, property]) => ({
    name,
    in: place,
    required: schema?.required?.includes(name) ?? false,
    schema: property,
  }));
}

function json(schema: JsonSchema): object {
  return { "application/json": { schema } };
}
