import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { documentedErrors, impossible } from "../conformance/documented-errors.js";
import { realEndpoints } from "../conformance/endpoints.js";
import { provokedBalancerErrors } from "../conformance/provoked-balancer-errors.js";
import { provokedErrors } from "../conformance/provoked-errors.js";
import { problem } from "./local-api-client.js";
import { Things } from "./local-api-things.js";

// Hundreds of requests: on a busy computer they take their time.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const cases = Object.entries({ ...provokedErrors, ...provokedBalancerErrors }).flatMap(
  ([operation, errors]) => Object.entries(errors).map(([error, provoke]) => ({ operation, error, provoke })),
);
const documented = Object.entries(documentedErrors).flatMap(([operation, errors]) =>
  errors.map((error) => `${operation} ${error}`),
);
/** "servers": one cloud has addresses enough for the cases of one kind. */
const kindOf = (operation: string): string => /^\w+ \/(\w+)/.exec(operation)?.[1] ?? "";

describe.each([...new Set(cases.map(({ operation }) => kindOf(operation)))])(
  "an error that Hetzner documents for one operation on %s",
  (kind) => {
    let cloud: Things;
    beforeAll(async () => {
      cloud = await Things.start();
    });
    afterAll(() => cloud.cloud.close());

    test.each(cases.filter(({ operation }) => kindOf(operation) === kind))(
      "$error, $operation, and nothing is changed",
      async ({ operation, error, provoke }) => {
        const [path, body] = await provoke(cloud);
        const [method = "", pattern = ""] = operation.split(" ");
        expect(path).toMatch(new RegExp(`^${pattern.replaceAll(/\{\w+\}/g, "[^/]+")}$`));
        const before = await cloud.everything();
        const answer = await cloud.cloud.request(method === "DELETE" ? "DELETE" : "POST", path, body);
        expect(problem(answer).replace(/:.*/, "")).toBe(error);
        expect(answer.body.error?.message).toMatch(/.{10}/);
        expect(await cloud.everything()).toEqual(before);
      },
    );
  },
);

test("each documented error is provoked here, or cannot come about", () => {
  expect(Object.keys(documentedErrors).filter((one) => !realEndpoints().includes(one))).toEqual([]);
  const possible = documented.filter((one) => !impossible.some(({ error }) => error.test(one)));
  expect(cases.map(({ operation, error }) => `${operation} ${error}`).sort()).toEqual(possible.sort());
  for (const { error } of impossible) expect(documented.some((one) => error.test(one))).toBe(true);
});
