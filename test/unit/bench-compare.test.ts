import { describe, expect, it } from "vitest";
import { compare, median } from "../bench/compare.js";

describe("compare", () => {
  it("alternates, leaves the first round out, and takes the ratio pair by pair", async () => {
    const order: string[] = [];
    const side = (name: string, seconds: number[]) => ({
      name,
      run: () => {
        order.push(name);
        return Promise.resolve(seconds.shift()!);
      },
    });
    const result = await compare(side("a", [99, 2, 4, 9]), side("b", [99, 1, 4, 3]), 3);
    expect(order.join("")).toBe("abababab");
    expect(result.ratios).toEqual([2, 1, 3]);
    expect(result.ratio).toEqual({ min: 1, median: 2, max: 3 });
  });

  it("refuses fewer rounds than a median needs", async () => {
    const side = { name: "x", run: () => Promise.resolve(1) };
    await expect(compare(side, side, 2)).rejects.toThrow("at least 3");
  });

  it("takes the middle of odd and the mean of the two middles of even lists", () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([7])]).toEqual([2, 2.5, 7]);
    expect(() => median([])).toThrow(RangeError);
  });
});
