import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatRupees, MAX_PRICE_PAISE, parseRupees, rupeesForInput } from "../../apps/api/money.js";
import { parsePhone } from "../../apps/api/phone.js";
import { isSlug, slugFromName } from "../../apps/api/stores/slug.js";
import { parseTextLine } from "../../apps/api/text-line.js";

describe("money", () => {
  test.each([
    [1, "₹0.01"],
    [5_00, "₹5"],
    [199_50, "₹199.50"],
    [1_000_00, "₹1,000"],
    [99_999_00, "₹99,999"],
    [1_00_000_00, "₹1,00,000"],
    [1_23_45_678_09, "₹1,23,45,678.09"],
    [100_00_00_000_00, "₹1,00,00,00,000"],
  ])("%i paise are %s", (paise, text) => {
    expect(formatRupees(paise)).toBe(text);
  });

  test("is grouped as the standard library groups it for India", () => {
    const whole = new Intl.NumberFormat("en-IN", {
      style: "currency",
      currency: "INR",
      maximumFractionDigits: 0,
    });
    fc.assert(
      fc.property(fc.nat({ max: 10 ** 11 }), (rupees) => {
        expect(formatRupees(rupees * 100)).toBe(whole.format(rupees));
      }),
    );
  });

  test("what a form shows is read back as the same price", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: MAX_PRICE_PAISE }), (paise) => {
        expect(parseRupees(rupeesForInput(paise))).toBe(paise);
        expect(parseRupees(formatRupees(paise))).toBe(paise);
      }),
    );
  });

  test.each([
    "",
    "0",
    "0.00",
    "-1",
    "1.005",
    "1.",
    ".5",
    "1e3",
    "10000000.01",
    "₹",
    "1 000",
    "abc",
    "９",
    "1,50",
    "12,34",
    ",100",
  ])("%j is no price", (text) => {
    expect(parseRupees(text)).toBeUndefined();
  });
});

describe("slugs", () => {
  test.each([
    ["Asha’s Sarees & Co.", "ashas-sarees-co"],
    ["  Crème brûlée!  ", "creme-brulee"],
    ["Étage 2 – Möbel", "etage-2-mobel"],
    ["x".repeat(60), "x".repeat(40)],
    [`${"x".repeat(39)} y`, "x".repeat(39)],
    ["आशा साड़ी", undefined],
    ["A1", undefined],
  ])("of %j is %j", (name, slug) => {
    expect(slugFromName(name)).toBe(slug);
  });

  test("made from any name are slugs or nothing", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 80 }), (name) => {
        const slug = slugFromName(name);
        expect(slug === undefined || isSlug(slug)).toBe(true);
      }),
    );
  });

  test.each(["ab", "a".repeat(41), "-abc", "abc-", "a--b", "Abc", "a_b", "a/b", "abc\n", ""])(
    "%j is none",
    (text) => {
      expect(isSlug(text)).toBe(false);
    },
  );
});

describe("lines of text", () => {
  test("are trimmed, put on one line and composed", () => {
    expect(parseTextLine("  Kaju \n\t barfi ", 80)).toBe("Kaju barfi");
    expect(parseTextLine("e\u0301", 1)).toBe("\u00e9");
  });

  test("count code points as PostgreSQL does", () => {
    expect(parseTextLine("🪔🪔", 2)).toBe("🪔🪔");
    expect(parseTextLine("🪔🪔🪔", 2)).toBeUndefined();
  });

  test.each(["", "   ", "a\u0000b", "a\u001bb", "a\ud800b"])("%j is none", (text) => {
    expect(parseTextLine(text, 80)).toBeUndefined();
  });
});

describe("phone numbers", () => {
  test.each([
    "9876543210",
    "98765 43210",
    "+91 98765-43210",
    "919876543210",
    "09876543210",
    "(+91) 9876543210",
  ])("%s is Indian", (text) => {
    expect(parsePhone(text)).toBe("+919876543210");
  });

  test.each(["", "12345", "5876543210", "98765432101", "+1 9876543210", "98765abcde", "+9109876543210"])(
    "%j is none",
    (text) => {
      expect(parsePhone(text)).toBeUndefined();
    },
  );
});
