import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { realEndpoints } from "../conformance/endpoints.js";
import { problem } from "./local-api-client.js";
import { Things } from "./local-api-things.js";

// Hundreds of requests: on a busy computer they take their time.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** The part of JSON Schema that requests are described with. */
interface Schema {
  type?: string;
  enum?: unknown[];
  anyOf?: Schema[];
  minimum?: number;
  minItems?: number;
  items?: Schema;
  required?: string[];
  properties?: Record<string, Schema>;
}
type Method = "GET" | "POST" | "PUT" | "DELETE";
interface Operation {
  method: Method;
  path: string;
  body: Schema | undefined;
}
interface Document {
  paths: Record<
    string,
    Record<string, { requestBody?: { content: { "application/json": { schema: Schema } } } }>
  >;
}

const period = "start=2026-01-31T12:00:00Z&end=2026-01-31T13:00:00Z";

let cloud: Things;
let operations: Operation[];
beforeAll(async () => {
  cloud = await Things.start();
  const { paths } = JSON.parse(await cloud.cloud.text("/openapi.json")) as Document;
  operations = realEndpoints().map((endpoint) => {
    const [method = "", path = ""] = endpoint.split(" ");
    const { requestBody } = paths[path]?.[method.toLowerCase()] ?? {};
    return {
      method: method as Method,
      path: path
        .replaceAll(/\{(id|action_id)\}/g, "4711")
        .replace("{id_or_name}", "none.example")
        .replace("{rr_name}", "www")
        .replace("{rr_type}", "A")
        .replace(/servers(.*)metrics$/, `servers$1metrics?type=cpu&${period}`)
        .replace(/balancers(.*)metrics$/, `balancers$1metrics?type=bandwidth&${period}`),
      body: requestBody?.content["application/json"].schema,
    };
  });
});
afterAll(() => cloud.cloud.close());

/** The least that a schema takes. */
function least(schema: Schema): unknown {
  const { type, anyOf, enum: values, properties = {}, required = [] } = schema;
  if (anyOf?.[0]) return least(anyOf[0]);
  if (values) return values[0];
  if (type === "object") {
    return Object.fromEntries(required.map((name) => [name, least(properties[name] ?? {})]));
  }
  if (type === "array") return Array.from({ length: schema.minItems ?? 0 }, () => least(schema.items ?? {}));
  if (type === "integer") return schema.minimum ?? 1;
  if (type === "boolean") return true;
  return type === "string" ? "text" : {};
}

const isObject = ({ type, anyOf = [] }: Schema): boolean => type === "object" || anyOf.some(isObject);
const takesBody = ({ method }: Operation): boolean => method === "POST" || method === "PUT";
const ask = ({ method, path }: Operation, body?: unknown, headers?: Record<string, string>) =>
  cloud.cloud.request(method, path, body, headers);

describe("every operation of the real API", () => {
  test("asks for a token", async () => {
    for (const operation of operations) {
      const answer = await ask(operation, takesBody(operation) ? {} : undefined, {});
      expect(`${operation.path} ${problem(answer)}`).toBe(`${operation.path} 401 unauthorized`);
    }
  });

  test("that takes a body refuses broken JSON", async () => {
    for (const operation of operations.filter(takesBody)) {
      const answer = await ask(operation, '{"name":');
      expect(`${operation.path} ${problem(answer)}`).toBe(`${operation.path} 400 json_error`);
    }
  });

  test("names each field of its body that is of another type", async () => {
    let fields = 0;
    for (const operation of operations) {
      for (const [name, schema] of Object.entries(operation.body?.properties ?? {})) {
        const right = least(operation.body ?? {}) as object;
        const answer = await ask(operation, { ...right, [name]: isObject(schema) ? 5 : {} });
        const what = `${operation.method} ${operation.path}: ${name}: `;
        expect(what + problem(answer)).toBe(`${what}422 invalid_input: ${name}`);
        expect(answer.body.error?.details).toEqual({
          fields: [{ name, messages: expect.arrayContaining([expect.stringMatching(/.{5}/)]) }],
        });
        fields++;
      }
    }
    expect(fields).toBeGreaterThan(150);
  });

  test("does not find what is not there", async () => {
    for (const operation of operations) {
      const { path, body } = operation;
      if (!path.includes("4711") && !path.includes("none.example")) continue;
      const answer = await ask(
        operation,
        takesBody(operation) ? least(body ?? { type: "object" }) : undefined,
      );
      // What is refused altogether need not be looked for.
      const refused = path.startsWith("/datacenters") ? "410 deprecated_api_endpoint" : "404 not_found";
      expect(`${operation.method} ${path} ${problem(answer)}`).toBe(`${operation.method} ${path} ${refused}`);
    }
  });

  test("is the only one of its path", async () => {
    for (const path of new Set(operations.map((operation) => operation.path))) {
      const allowed = new Set(operations.flatMap((one) => (one.path === path ? [one.method] : [])));
      for (const method of (["GET", "POST", "PUT", "DELETE"] as const).filter((one) => !allowed.has(one))) {
        expect(`${path} ${problem(await cloud.cloud.request(method, path))}`).toBe(
          `${path} 405 method_not_allowed`,
        );
      }
    }
  });
});
