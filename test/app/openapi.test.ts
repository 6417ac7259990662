import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seed } from "../../apps/api/seed/fill.js";
import { sampleStore } from "../../apps/api/seed/catalogue.js";
import type { OpenApiDocument } from "../../apps/api/http/openapi.js";
import { ensureSchemathesis } from "./schemathesis.js";
import { startShop, Visitor, type Shop } from "./shop.js";

let shop: Shop;
let schemathesis: string;
let folder: string;
beforeAll(async () => {
  schemathesis = await ensureSchemathesis();
  folder = mkdtempSync(join(tmpdir(), "dukaan-openapi-"));
  shop = await startShop();
  await seed(shop.db, { stores: 1, productsPerStore: 150, giant: false, onProgress: () => undefined });
}, 300_000);
afterAll(async () => {
  await shop?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function readDocument(): Promise<OpenApiDocument> {
  const { status, body, headers } = await new Visitor(shop.app).get("/api/v1/openapi.json");
  expect(status).toBe(200);
  expect(headers["content-type"]).toBe("application/json; charset=utf-8");
  return JSON.parse(body) as OpenApiDocument;
}

test("the document names every operation of the API with all its answers", async () => {
  const { openapi, paths } = await readDocument();
  expect(openapi).toBe("3.1.0");
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { responses }]) => [
      `${method} ${path}`,
      Object.keys(responses).join(" "),
    ]),
  );
  expect(Object.fromEntries(operations)).toEqual({
    "get /api/v1/stores/{slug}": "200 308 400 404 405 414 503",
    "get /api/v1/stores/{slug}/products": "200 308 400 404 405 414 503",
    "get /api/v1/stores/{slug}/products/{product}": "200 308 400 404 405 414 503",
    "post /api/v1/stores/{slug}/orders": "200 201 308 400 403 404 405 409 413 414 415 429 503",
    "get /api/v1/orders/{order}": "200 400 404 405 414 503",
  });
});

test("a method that an address does not know is answered with those that it knows", async () => {
  const answer = await shop.app.inject({ method: "DELETE", url: "/api/v1/stores/any/orders" });
  expect(answer.statusCode).toBe(405);
  expect(answer.headers["allow"]).toBe("POST");
  expect(answer.json().error.code).toBe("method-not-allowed");
});

test("schemathesis finds no 500, no undocumented answer and none that differs from its schema", async () => {
  const document = await readDocument();
  const { slug } = sampleStore(0);
  const { id: productId } = await shop.db.selectFrom("products").select("id").executeTakeFirstOrThrow();
  // As it is, but most requests find something: random text alone would be answered 404 throughout.
  const text = JSON.stringify(document, (key, value: unknown) => {
    const { name } = (value ?? {}) as { name?: string };
    if (name === "slug") return { ...(value as object), schema: { type: "string", enum: [slug, "none"] } };
    if (name === "product")
      return { ...(value as object), schema: { type: "string", enum: [String(productId), "1000000"] } };
    if (key === "productId") return { type: "integer", enum: [productId, productId + 1] };
    return value;
  });
  const file = join(folder, "openapi.json");
  writeFileSync(file, text);
  const url = await shop.app.listen({ host: "127.0.0.1", port: 0 });
  const checks = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
  ];
  const { all, exitCode } = await execa(
    schemathesis,
    [
      ["run", file, "--url", url],
      ["--checks", checks.join(",")],
      ["--phases", "examples,coverage,fuzzing"],
      ["--max-examples", "60", "--seed", "1", "--no-shrink", "--continue-on-failure"],
    ].flat(),
    { cwd: folder, all: true, reject: false, timeout: 100_000 },
  );
  expect(all).toMatch(/\d+ generated|\d+ passed/);
  expect(exitCode, all).toBe(0);
});
