import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  mayMove,
  nextStatuses,
  ORDER_STATUSES,
  type Actor,
  type OrderStatus,
} from "../../apps/api/orders/status.js";

const status = fc.constantFrom(...ORDER_STATUSES);
const actor = fc.constantFrom<Actor[]>("buyer", "merchant");

/** Every way of `steps` choices from `placed`, where each choice is one of those that are open to somebody. */
const walk = fc.array(fc.tuple(fc.nat(), actor), { maxLength: 20 }).map((choices) => {
  const way: OrderStatus[] = ["placed"];
  for (const [choice, who] of choices) {
    const next = nextStatuses(way.at(-1)!, who);
    if (next.length > 0) way.push(next[choice % next.length]!);
  }
  return way;
});

describe("the way of an order", () => {
  it("never comes to the same status twice, and ends", () => {
    fc.assert(
      fc.property(walk, (way) => {
        expect(new Set(way).size).toBe(way.length);
        expect(way.length).toBeLessThanOrEqual(4);
      }),
    );
  });

  it("is cancelled only before it is shipped, and by the buyer only before it is accepted", () => {
    fc.assert(
      fc.property(status, actor, (from, who) => {
        const early = who === "buyer" ? ["placed"] : ["placed", "accepted"];
        expect(mayMove(from, "cancelled", who)).toBe(early.includes(from));
      }),
    );
  });

  it("is led by the merchant alone, one status at a time", () => {
    const forward = ["placed", "accepted", "shipped", "delivered"] as const;
    fc.assert(
      fc.property(fc.constantFrom(...forward), fc.constantFrom(...forward), actor, (from, to, who) => {
        const next = forward.indexOf(to) === forward.indexOf(from) + 1;
        expect(mayMove(from, to, who)).toBe(next && who === "merchant");
      }),
    );
  });

  it("leads nowhere from where it ends", () => {
    fc.assert(
      fc.property(fc.constantFrom<OrderStatus[]>("delivered", "cancelled"), actor, (end, who) => {
        expect(nextStatuses(end, who)).toEqual([]);
      }),
    );
  });
});
