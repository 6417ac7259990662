import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { undoMove } from "../../src/cli/evolution-abort.js";
import { putBack, untilFollows } from "../../src/cli/database-follow.js";
import { switchDatabase } from "../../src/cli/database-switch.js";
import { CliError } from "../../src/cli/errors.js";
import { type Fault, Killed, ShopInMotion } from "./move.js";

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
    expect(shop.calls).toBeLessThan(CALLS);
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

describe("a move that is given up", () => {
  it("leaves the old database with every order, wherever the move and its end were cut off", async () => {
    for (let cutOff = 0; cutOff < CALLS; cutOff++) {
      for (const fault of ["killed before", "killed after", "silent after", "power cut"] as const) {
        for (let end = 0; end <= ABORT_CALLS; end++) {
          const shop = new ShopInMotion(
            new Map([
              [cutOff, "killed after"],
              [cutOff + 1 + end, fault],
            ]),
          );
          await run(shop).catch(expectError);
          await untilUndone(shop);
          const { next, old, acknowledged } = shop;
          expect((next.asked ? next : old).orders).toEqual(acknowledged);
        }
      }
    }
  });

  it("is never one while the other database takes over at the same time", async () => {
    const ends = { undone: 0, moved: 0 };
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.nat(CALLS), async (scheduler, later) => {
        const turn = () => scheduler.schedule(Promise.resolve());
        const shop = new ShopInMotion(new Map(), turn);
        const undoLater = async () => {
          for (let turns = 0; turns < later; turns++) await turn();
          await undo(shop);
        };
        const both = [run(shop).catch(expectError), undoLater().catch(expectError)];
        await scheduler.waitFor(Promise.all(both));
        expect(shop.twoAcceptedWrites, "two databases accept writes").toBe(false);
        const { old, next, acknowledged } = shop;
        ends[next.asked ? "moved" : "undone"]++;
        expect(old.fence === undefined).toBe(!next.asked);
        const serving = next.asked ? next : old;
        expect(serving).toMatchObject({ running: true, standby: false, orders: acknowledged });
      }),
      { numRuns: 1000 },
    );
    expect(ends.undone).toBeGreaterThan(0);
    expect(ends.moved).toBeGreaterThan(0);
  });
});

/** Two looks at the old database, the end of the other one and of the fence, and what puts back one that was cut off. */
const ABORT_CALLS = 8;

/** Gives the move up until that is done or refused, because the other database has been asked. */
async function untilUndone(shop: ShopInMotion): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt++) {
    shop.revive();
    await undo(shop).catch(expectError);
    expect(shop.twoAcceptedWrites, "two databases accept writes").toBe(false);
  }
  if (shop.next.asked) return;
  expect(shop.next.gone).toBe(true);
  expect(shop.old).toMatchObject({ running: true, standby: false });
  expect(shop.old.fence).toBeUndefined();
}

/** What `./dukaan evolve --abort` does before its `pulumi up`. */
async function undo({ sides }: ShopInMotion): Promise<void> {
  const nothing = { machine: "", step: () => Promise.reject(new Error("not by the book")) };
  const copying = { source: nothing, target: nothing };
  await undoMove({ ...sides, copying, fronts: [] }, { other: true, byBook: false, to: "next" });
}

/** What a command may end with; anything else is a mistake in it, or in the test. */
function expectError(error: unknown): void {
  if (!(error instanceof Killed) && !(error instanceof CliError)) throw error;
}

/** Runs the move until it is done, and once more. */
async function untilMoved(plan: ReadonlyMap<number, Fault>): Promise<ShopInMotion> {
  const shop = new ShopInMotion(plan);
  for (let attempt = 0; shop.serving !== shop.next || shop.old.fence === undefined; attempt++) {
    expect(attempt, "runs until it ends").toBeLessThan(20);
    await run(shop).catch(expectError);
    expect(shop.twoAcceptedWrites, "two databases accept writes").toBe(false);
    shop.revive();
  }
  shop.calmDown();
  await run(shop);
  expect(shop.twoAcceptedWrites, "two databases accept writes").toBe(false);
  expect(shop.next).toMatchObject({ running: true, standby: false });
  return shop;
}

/** What `./dukaan evolve` does between its two `pulumi up`. */
async function run(shop: ShopInMotion): Promise<void> {
  const { sides } = shop;
  const report = () => undefined;
  const follow = { ...sides, report, patience: 0, copyAnew: () => Promise.reject(new Error("copied anew")) };
  if (!(await putBack(follow))) await untilFollows(follow);
  await switchDatabase({ ...sides, report, host: "next" });
}
