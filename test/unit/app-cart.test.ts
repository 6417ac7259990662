import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addToCart,
  formatCart,
  MAX_LINES,
  MAX_QUANTITY,
  parseCart,
  setQuantity,
} from "../../apps/api/cart/cart.js";

describe("the cart's cookie", () => {
  test("survives its way through the browser", () => {
    const carts = fc.uniqueArray(
      fc.record({
        productId: fc.integer({ min: 1, max: 999_999_999_999_999 }),
        quantity: fc.integer({ min: 1, max: MAX_QUANTITY }),
      }),
      { selector: (line) => line.productId, maxLength: MAX_LINES },
    );
    fc.assert(
      fc.property(carts, (lines) => {
        const cookie = formatCart(lines);
        expect(parseCart(cookie)).toEqual(lines);
        expect(cookie).toMatch(/^[\dx_]*$/);
        // RFC 6265 asks browsers for 4096 bytes a cookie.
        expect(cookie.length).toBeLessThan(1_000);
      }),
    );
  });

  test.each([undefined, "", "x", "1x0", "1x100", "0x1", "1x1_", "1x1;2x2", "-1x1", "1.5x1"])(
    "%j is an empty cart",
    (cookie) => {
      expect(parseCart(cookie)).toEqual([]);
    },
  );

  test("never holds more lines than allowed, nor one product twice", () => {
    const many = Array.from({ length: 200 }, (_, index) => `${index + 1}x1`).join("_");
    expect(parseCart(many)).toHaveLength(MAX_LINES);
    expect(parseCart("7x1_7x5")).toEqual([{ productId: 7, quantity: 5 }]);
  });
});

describe("filling the cart", () => {
  test("adds up, to the most that is allowed of one product", () => {
    const one = addToCart([], { productId: 1, quantity: 98 });
    if (one === "full") throw new Error("an empty cart is not full");
    expect(addToCart(one, { productId: 1, quantity: 5 })).toEqual([{ productId: 1, quantity: MAX_QUANTITY }]);
  });

  test("says when it is full, but still takes more of what is in it", () => {
    const full = Array.from({ length: MAX_LINES }, (_, index) => ({ productId: index + 1, quantity: 1 }));
    expect(addToCart(full, { productId: 999, quantity: 1 })).toBe("full");
    expect(addToCart(full, { productId: 1, quantity: 1 })).toContainEqual({ productId: 1, quantity: 2 });
  });

  test("a quantity of 0 takes a product out", () => {
    const lines = [
      { productId: 1, quantity: 1 },
      { productId: 2, quantity: 2 },
    ];
    expect(setQuantity(lines, { productId: 1, quantity: 0 })).toEqual([{ productId: 2, quantity: 2 }]);
    expect(setQuantity(lines, { productId: 2, quantity: 5 })[1]).toEqual({ productId: 2, quantity: 5 });
  });
});
