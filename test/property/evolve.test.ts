import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { putBack, untilFollows } from "../../src/cli/database-follow.js";
import { switchDatabase } from "../../src/cli/database-switch.js";
import { type Fault, ShopInMotion } from "./move.js";

// The order of a move's steps, with every fault at every point of it; test/e2e/evolve-faults.test.ts does it on machines.

/** More calls than a whole move makes. */
const CALLS = 40;

const faults = fc.constantFrom<Fault>(
  "killed before",
  "killed after",
  "silent before",
  "silent after",
  "watchdog",
  "power cut",
);

describe("the move of a database", () => {
  it("makes a known number of calls when nothing fails", async () => {
    const shop = new ShopInMotion(new Map());
    await run(shop);
    expect(shop.next).toMatchObject({ running: true, standby: false });
    expect(shop.old).toMatchObject({ running: false, clean: true });
    expect(shop.acknowledged.length).toBeGreaterThan(5);
    expect(shop.serving).toBe(shop.next);
  });

  it.each<Fault>(["killed before", "killed after", "silent before", "silent after", "watchdog", "power cut"])(
    "ends well after it was cut off at any one call (%s)",
    async (fault) => {
      for (let at = 0; at < CALLS; at++) {
        const { next, acknowledged } = await untilMoved(new Map([[at, fault]]));
        expect(next.orders).toEqual(acknowledged);
      }
    },
  );

  it("ends well after any combination of faults", async () => {
    const plan = fc.uniqueArray(fc.tuple(fc.nat(CALLS), faults), { selector: ([at]) => at, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(plan, async (entries) => {
        const { next, acknowledged } = await untilMoved(new Map(entries));
        expect(next.orders).toEqual(acknowledged);
      }),
      { numRuns: 2000 },
    );
  });
});

/** Runs the move until it is done, and once more. */
async function untilMoved(plan: ReadonlyMap<number, Fault>): Promise<ShopInMotion> {
  const shop = new ShopInMotion(plan);
  for (let attempt = 0; shop.serving !== shop.next || shop.old.fence === undefined; attempt++) {
    expect(attempt, "runs until it ends").toBeLessThan(20);
    await run(shop).catch((error: unknown) => {
      if (!(error instanceof Error)) throw error;
    });
    expect(shop.twoAcceptWrites, "two databases accept writes").toBe(false);
    shop.revive();
  }
  shop.calmDown();
  await run(shop);
  expect(shop.next).toMatchObject({ running: true, standby: false });
  return shop;
}

/** What `./dukaan evolve` does between its two `pulumi up`. */
async function run(shop: ShopInMotion): Promise<void> {
  const { sides } = shop;
  const report = () => {
    expect(shop.twoAcceptWrites, "two databases accept writes").toBe(false);
  };
  const follow = { ...sides, report, patience: 0, copyAnew: () => Promise.reject(new Error("copied anew")) };
  if (!(await putBack(follow))) await untilFollows(follow);
  await switchDatabase({ ...sides, report, host: "next" });
}
