import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ApiError } from "../../local/api/errors.js";
import { checkLabels, parseSelector, type Labels } from "../../local/api/labels.js";

const edge = fc.constantFrom("a", "z", "A", "Z", "0", "9");
const inner = fc.constantFrom("a", "Z", "5", "-", "_", ".");
const segment = fc
  .tuple(edge, fc.string({ unit: inner, maxLength: 10 }), edge)
  .map(([first, middle, last]) => first + middle + last);
const prefix = fc.array(fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,5}[a-z0-9])?$/), {
  minLength: 1,
  maxLength: 3,
});
const key = fc.oneof(
  segment,
  fc.tuple(prefix, segment).map(([parts, name]) => `${parts.join(".")}/${name}`),
);
const value = fc.oneof(fc.constant(""), segment);
const keys = fc.uniqueArray(key, { minLength: 1, maxLength: 5 });

/** Labels and a term over the same few keys, so that terms match often. */
interface Term {
  text: string;
  holds: (labels: Labels) => boolean;
}
const has = (labels: Labels, k: string): boolean => Object.hasOwn(labels, k);

const term = (some: string[]): fc.Arbitrary<Term> => {
  const one = fc.constantFrom(...some);
  const space = fc.constantFrom("", " ");
  return fc.oneof(
    one.map((k) => ({ text: k, holds: (labels: Labels) => has(labels, k) })),
    fc.tuple(space, one).map(([s, k]) => ({ text: `!${s}${k}`, holds: (labels: Labels) => !has(labels, k) })),
    fc.tuple(one, space, fc.constantFrom("=", "=="), value).map(([k, s, operator, v]) => ({
      text: `${k}${s}${operator}${s}${v}`,
      holds: (labels: Labels) => has(labels, k) && labels[k] === v,
    })),
    fc.tuple(one, space, value).map(([k, s, v]) => ({
      text: `${k}${s}!=${s}${v}`,
      holds: (labels: Labels) => labels[k] !== v,
    })),
    fc
      .tuple(one, fc.constantFrom("in", "notin"), fc.array(value, { minLength: 1, maxLength: 4 }), space)
      .map(([k, operator, values, s]) => ({
        text: `${k} ${operator} (${values.join(`,${s}`)})`,
        holds: (labels: Labels) =>
          (has(labels, k) && values.includes(labels[k] ?? "")) === (operator === "in"),
      })),
  );
};
const scene = keys.chain((some) =>
  fc.record({
    labels: fc.dictionary(fc.constantFrom(...some), value, { maxKeys: 5 }),
    terms: fc.array(term(some), { minLength: 1, maxLength: 4 }),
    spaces: fc.constantFrom(",", ", ", " , "),
  }),
);

const outcome = (text: string): unknown => {
  try {
    return parseSelector(text, "label_selector")({ a: "b" });
  } catch (error) {
    return error;
  }
};

describe("label selectors", () => {
  test("choose what satisfies every term", () => {
    fc.assert(
      fc.property(scene, ({ labels, terms, spaces }) => {
        const selector = terms.map(({ text }) => text).join(spaces);
        expect(parseSelector(selector, "label_selector")(labels)).toBe(
          terms.every(({ holds }) => holds(labels)),
        );
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    "",
    ",",
    "a,",
    "a b",
    "a in b",
    "a in (b",
    "in (a)",
    "!",
    "!!a",
    "a===b",
    "a=b c",
    "=a",
    "a!b",
    "a in (b) c",
    "(a)",
    "a in (b=c)",
    "-a",
    "a=-b",
  ])("'%s' is not of the grammar", (text) => {
    expect(() => parseSelector(text, "label_selector")).toThrow(ApiError);
  });

  test("never fail in another way", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ab=!(), in/.\-é\n]{0,30}$/), (text) => {
        const result = outcome(text);
        expect(typeof result === "boolean" || result instanceof ApiError).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });
});

describe("labels", () => {
  test("of the documented form are taken", () => {
    fc.assert(
      fc.property(fc.dictionary(key, value), (labels) => {
        expect(checkLabels(labels)).toEqual(labels);
      }),
    );
  });

  test.each([
    { "": "" },
    { "a b": "" },
    { "-a": "" },
    { "a.": "" },
    { ["a".repeat(64)]: "" },
    { "/a": "" },
    { "a/": "" },
    { "A_b/c": "" },
    { "a/b/c": "" },
    { [`${"a".repeat(254)}/b`]: "" },
    { "hetzner.cloud/x": "" },
    { a: "b c" },
    { a: "-b" },
    { a: "b".repeat(64) },
    { a: "ü" },
  ])("such as %o are refused", (labels: Labels) => {
    expect(() => checkLabels(labels)).toThrow(ApiError);
  });
});
