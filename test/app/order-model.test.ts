import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  mayMove,
  nextStatuses,
  ORDER_STATUSES,
  type Actor,
  type OrderStatus,
} from "../../apps/api/orders/status.js";
import { moveOrder, type Move } from "../../apps/api/orders/transitions.js";
import { BUYER, openWithProduct, sendOrder, stockOf } from "./ordering.js";
import { newPhone, startShop, textOf, type Shop } from "./shop.js";

let shop: Shop;
beforeAll(async () => {
  shop = await startShop();
});
afterAll(async () => await shop.stop());

describe("whatever is done with orders", () => {
  const PIECES = 30;
  const place = fc.record({
    kind: fc.constant("place" as const),
    quantity: fc.integer({ min: 1, max: 9 }),
  });
  const actors = fc.constantFrom<Actor[]>("buyer", "merchant");
  const anyMove: fc.Arbitrary<Move> = fc.record({
    from: fc.constantFrom(...ORDER_STATUSES),
    to: fc.constantFrom<Move["to"][]>("accepted", "shipped", "delivered", "cancelled"),
    actor: actors,
  });
  // Most random moves do not exist; these do, so that orders get somewhere.
  const rightMove = anyMove.filter(({ from, to, actor }) => nextStatuses(from, actor).includes(to));
  const move = fc.record({
    kind: fc.constant("move" as const),
    order: fc.nat({ max: 9 }),
    move: fc.oneof({ weight: 3, arbitrary: rightMove }, { weight: 1, arbitrary: anyMove }),
  });
  const step = fc.oneof(place, move);
  type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
  // The steps of a group begin at once.
  const groups = fc.array(fc.array(step, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 10 });

  test("stock and sold pieces stay the same in sum, and no order takes a way that does not exist", async () => {
    await openWithProduct(shop, "model");
    const { id: storeId } = await shop.db
      .selectFrom("stores")
      .select("id")
      .where("slug", "=", "model")
      .executeTakeFirstOrThrow();
    const run = async (plan: Step[][]) => {
      const { id: productId } = await shop.db
        .insertInto("products")
        .values({ store_id: storeId, name: "Model", price_paise: 100, stock: PIECES })
        .returning("id")
        .executeTakeFirstOrThrow();
      const placed: string[] = [];
      const statuses = new Set<number>();
      const moved: { publicId: string; move: Move }[] = [];
      for (const group of plan) {
        const known = [...placed];
        await Promise.all(
          group.map(async (each) => {
            if (each.kind === "place") {
              const lines = [{ productId, quantity: each.quantity }];
              const answer = await sendOrder(shop, "model", lines, randomUUID(), newPhone());
              statuses.add(answer.statusCode);
              if (answer.statusCode === 201) placed.push(answer.json<{ id: string }>().id);
              return;
            }
            const publicId = known[each.order % Math.max(1, known.length)] ?? "none";
            const { outcome } = await shop.db
              .transaction()
              .execute(async (transaction) => await moveOrder(transaction, { publicId }, each.move));
            if (outcome === "moved") moved.push({ publicId, move: each.move });
          }),
        );
      }
      for (const status of statuses) expect([201, 409]).toContain(status);
      const { rows: orders } = await shop.pool.query<{ id: string; status: OrderStatus; quantity: number }>(
        `SELECT public_id AS id, status, quantity FROM orders JOIN order_lines ON order_id = orders.id
         WHERE product_id = $1`,
        [productId],
      );
      const sold = orders.filter(({ status }) => status !== "cancelled").map(({ quantity }) => quantity);
      expect((await stockOf(shop, productId)) + sold.reduce((sum, quantity) => sum + quantity, 0)).toBe(
        PIECES,
      );
      expect(orders.length).toBe(placed.length);
      for (const { id, status } of orders) {
        // The moves that were made form one way from `placed` to where the order is, each of them allowed.
        const steps = new Map(
          moved.filter(({ publicId }) => publicId === id).map((made) => [made.move.from, made.move]),
        );
        const way: OrderStatus[] = ["placed"];
        for (let next = steps.get("placed"); next; next = steps.get(next.to)) way.push(next.to);
        expect(way).toHaveLength(1 + moved.filter(({ publicId }) => publicId === id).length);
        expect(way.at(-1)).toBe(status);
        expect([...steps.values()].every(({ from, to, actor }) => mayMove(from, to, actor))).toBe(true);
      }
      moves += moved.length;
    };
    let moves = 0;
    await fc.assert(fc.asyncProperty(groups, run), { numRuns: 40 });
    expect(moves).toBeGreaterThan(40);
  });
});

test("of 200 buyers at once, over HTTP and from pages, for the last 10 pieces exactly 10 get one", async () => {
  const { productId } = await openWithProduct(shop, "rush", 10);
  const url = await shop.app.listen({ host: "127.0.0.1", port: 0 });
  const { address, ...person } = BUYER;
  const fromPage = async () => {
    const headers = { cookie: `cart=${productId}x1` };
    const page = await (await fetch(`${url}/s/rush/checkout`, { headers })).text();
    const key = textOf(page, /name="key" value="([^"]+)"/);
    const total = textOf(page, /name="total" value="(\d+)"/);
    const body = new URLSearchParams({ key, total, ...person, ...address, phone: newPhone() });
    return async () =>
      await fetch(`${url}/s/rush/checkout`, { method: "POST", headers, body, redirect: "manual" });
  };
  const overApi = () => {
    const headers = { "content-type": "application/json", "idempotency-key": randomUUID() };
    const body = JSON.stringify({
      buyer: { ...BUYER, phone: newPhone() },
      lines: [{ productId, quantity: 1 }],
    });
    return async () => await fetch(`${url}/api/v1/stores/rush/orders`, { method: "POST", headers, body });
  };
  const buyers: (() => Promise<Response>)[] = [];
  while (buyers.length < 200) buyers.push(await fromPage(), overApi());

  // So many at once are more than the shop lets wait: it asks some to come again, and they do, with the same order.
  const persist = async (buy: () => Promise<Response>): Promise<number> => {
    const { status, headers: answer } = await buy();
    if (status !== 503) return status;
    if (!answer.has("retry-after")) throw new Error("503 without Retry-After");
    await sleep(250);
    return await persist(buy);
  };
  const statuses = await Promise.all(buyers.map(persist));
  const placed = statuses.filter((status) => status === 201 || status === 303);
  expect(placed).toHaveLength(10);
  expect(statuses.filter((status) => status === 409)).toHaveLength(190);
  expect(await stockOf(shop, productId)).toBe(0);
  const { rows } = await shop.pool.query<{ orders: number; pieces: number; events: number }>(
    `SELECT count(*) AS orders, sum(quantity) AS pieces,
            (SELECT count(*) FROM outbox WHERE type = 'order.placed'
             AND payload->'lines'->0->>'productId' = $1::text) AS events
     FROM order_lines WHERE product_id = $1::bigint`,
    [String(productId)],
  );
  expect(rows).toEqual([{ orders: 10, pieces: 10, events: 10 }]);
  const last = await shop.db
    .selectFrom("outbox")
    .select("payload")
    .where("aggregate_type", "=", "product")
    .where("aggregate_id", "=", String(productId))
    .orderBy("sequence", "desc")
    .executeTakeFirstOrThrow();
  expect(last.payload).toMatchObject({ stock: 0, version: 11 });
});
