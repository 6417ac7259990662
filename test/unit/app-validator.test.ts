import { Type } from "@fastify/type-provider-typebox";
import { expect, test } from "vitest";
import { compileValidator } from "../../apps/api/http/validator.js";

const schema = Type.Object({ name: Type.String(), pieces: Type.Optional(Type.Integer({ minimum: 1 })) });
const validate = (value: unknown, httpPart = "querystring") =>
  compileValidator({ schema, httpPart, method: "GET", url: "/" })(value);

test("what fits stays as it is", () => {
  const value = { name: "7" };
  expect(validate(value)).toEqual({ value });
  expect(value).toEqual({ name: "7" });
});

test("text becomes a number where one is wanted, though not in a body, whose JSON has numbers", () => {
  expect(validate({ name: "7", pieces: "3" })).toEqual({ value: { name: "7", pieces: 3 } });
  expect(validate({ name: "7", pieces: "3" }, "body")).toEqual({
    error: [expect.objectContaining({ instancePath: "/pieces" })],
  });
});

test.each([
  ["0", "/pieces"],
  ["many", "/pieces"],
])("%j pieces are refused by name", (pieces, instancePath) => {
  expect(validate({ name: "7", pieces })).toEqual({ error: [expect.objectContaining({ instancePath })] });
});
