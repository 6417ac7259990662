import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { csvLine } from "../../apps/api/admin/order-csv.js";
import { parseFilter } from "../../apps/api/admin/order-filter.js";
import { niceCeiling, revenueChart } from "../../apps/api/admin/revenue-chart.js";
import { parseBuyer, parsePin } from "../../apps/api/orders/buyer.js";
import type { Order } from "../../apps/api/orders/orders.js";
import { shareOrderLink, shareStoreLink, whatsappLink } from "../../apps/api/whatsapp.js";

describe("PIN codes", () => {
  test.each([
    ["560038", "560038"],
    [" 560 038 ", "560038"],
    ["110-001", "110001"],
  ])("%j is %s", (text, pin) => {
    expect(parsePin(text)).toBe(pin);
  });

  test.each(["", "060038", "56003", "5600381", "5600 38", "56oo38", "५६००३८", "560038\n1"])(
    "%j is none",
    (text) => {
      expect(parsePin(text)).toBeUndefined();
    },
  );
});

describe("what a buyer enters", () => {
  const right = {
    name: "Ravi",
    phone: "9876543210",
    street: " 12,  4th Cross ",
    landmark: " ",
    city: "Pune",
    pin: "411 001",
  };

  test("is tidied, and an empty landmark left out", () => {
    expect(parseBuyer(right)).toEqual({
      name: "Ravi",
      phone: "+919876543210",
      address: { street: "12, 4th Cross", city: "Pune", pin: "411001" },
    });
  });

  test.each([
    ["name", "", /1 to 80/],
    ["phone", "123", /ten digits/],
    ["street", "x".repeat(161), /1 to 160/],
    ["landmark", "x".repeat(81), /at most 80/],
    ["city", "\u0000", /1 to 60/],
    ["pin", "011001", /six digits and not begin with 0/],
  ])("is refused for a wrong %s, and for that alone", (field, text, message) => {
    const result = parseBuyer({ ...right, [field]: text });
    expect(result).toEqual({ errors: { [field]: expect.stringMatching(message) } });
  });
});

describe("a search", () => {
  test.each([
    ["12", { kind: "digits", digits: "12" }],
    ["#12", { kind: "digits", digits: "12" }],
    ["+91 98765 43210", { kind: "digits", digits: "9876543210" }],
    ["43210", { kind: "digits", digits: "43210" }],
    ["  ravi   kumar ", { kind: "name", text: "ravi kumar" }],
    ["1234567890123456", { kind: "name", text: "1234567890123456" }],
    ["", undefined],
  ])("for %j", (q, search) => {
    expect(parseFilter({ q })).toEqual({ filter: search === undefined ? {} : { search }, errors: {} });
  });

  test.each([
    [{ from: "2026-02-30" }, "from"],
    [{ to: "yesterday" }, "to"],
    [{ from: "2026-02-02", to: "2026-02-01" }, "to"],
    [{ q: "x".repeat(81) }, "q"],
    [{ q: "a\u0000" }, "q"],
  ])("with %j names the wrong field", (texts, field) => {
    expect(Object.keys(parseFilter(texts).errors)).toEqual([field]);
  });
});

/** Reads one line of RFC 4180. */
function readCsv(line: string): string[] {
  const cells = [...line.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n$)/g)];
  return cells.map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? "");
}

describe("a line of CSV", () => {
  test("is read back as it was written, but for formulas", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme" }), { minLength: 1 }), (cells) => {
        const read = readCsv(csvLine(cells));
        expect(read.length).toBe(cells.length);
        for (const [index, cell] of cells.entries()) expect([cell, `'${cell}`]).toContain(read[index]);
      }),
    );
  });

  test.each(["=1+1", "+91", "-1", "@SUM(A1)", "\t=1", " =1", "＝1", '=HYPERLINK("http://x","y")'])(
    "makes no formula of %j",
    (cell) => {
      expect(readCsv(csvLine([cell]))).toEqual([`'${cell}`]);
    },
  );

  test("leaves other texts alone", () => {
    expect(csvLine(["Ravi", "199.50", "2 × Vase", 'say "hi", ok'])).toBe(
      'Ravi,199.50,2 × Vase,"say ""hi"", ok"\r\n',
    );
  });
});

describe("WhatsApp links", () => {
  test("bring any text over as it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(new URL(whatsappLink(text, "+919876543210")).searchParams.get("text")).toBe(text);
      }),
    );
  });

  test("go to a number or to nobody yet", () => {
    expect(whatsappLink("a & b", "+919876543210")).toBe("https://wa.me/919876543210?text=a%20%26%20b");
    expect(shareStoreLink({ slug: "asha", name: "Asha’s" }, "https://shop.test")).toBe(
      "https://wa.me/?text=Asha%E2%80%99s%0Ahttps%3A%2F%2Fshop.test%2Fs%2Fasha",
    );
  });

  test("of a long order name the first lines and say how many more there are", () => {
    const line = (n: number) => ({ productId: n, name: `Product ${n}`, pricePaise: 100, quantity: 1 });
    const order: Order = {
      number: 7,
      publicId: "A".repeat(22),
      status: "placed",
      totalPaise: 5_000,
      paymentMethod: "cash-on-delivery",
      createdAt: new Date(),
      buyerName: "Ravi",
      buyerPhone: "+919876543210",
      address: undefined,
      store: { slug: "asha", name: "Asha", whatsappPhone: null },
      lines: Array.from({ length: 50 }, (_, n) => line(n)),
      history: [],
    };
    const text = new URL(shareOrderLink(order, "https://shop.test")).searchParams.get("text");
    expect(text?.split("\n")).toHaveLength(19);
    expect(text).toContain("\nand 35 more\nTotal ₹50, cash on delivery\n");
  });
});

describe("the revenue chart", () => {
  const days = Array.from({ length: 30 }, (_, index) => ({
    day: `2026-11-${String(index + 1).padStart(2, "0")}`,
    orders: index,
    revenuePaise: index * 10_050,
  }));

  test("has a bar and a row of the table for every day, within the drawing", () => {
    const svg = revenueChart(days);
    const bars = [...svg.matchAll(/y="([\d.]+)"\s+width="[\d.]+"\s+height="([\d.]+)"/g)];
    expect(bars).toHaveLength(30);
    for (const [, y, height] of bars) expect(Number(y) + Number(height)).toBeCloseTo(100, 1);
    expect(svg.match(/<th scope="row">/g)).toHaveLength(30);
    expect(svg).toContain("29 Nov: &#8377;2,814");
    expect(svg).toContain("&#8377;43,717.50 in 30 days; the best day brought &#8377;2,914.50.");
    expect(svg).not.toMatch(/style|<script/);
  });

  test("stands without any sale", () => {
    const svg = revenueChart(days.map(({ day }) => ({ day, orders: 0, revenuePaise: 0 })));
    expect(svg).not.toContain("NaN");
    expect(svg).toContain("&#8377;0 in 30 days");
  });

  test("ends above its highest bar, at a round sum", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 ** 13 }), (paise) => {
        const top = niceCeiling(paise);
        expect(top).toBeGreaterThanOrEqual(paise);
        expect(top).toBeLessThanOrEqual(Math.max(100, paise * 2.5));
        expect(String(top)).toMatch(/^[125]0+$/);
      }),
    );
  });
});
