import { Readable } from "node:stream";
import { Type } from "@fastify/type-provider-typebox";
import { applyOnce } from "../auth/apply-once.js";
import { merchantStore, sentForm, signedIn } from "../auth/merchant-area.js";
import { CURSOR_PATTERN, parseCursor } from "../catalogue/cursor.js";
import { readWithin } from "../database/time-limit.js";
import type { App } from "../http/app.js";
import { sendPrivatePage } from "../http/caching.js";
import { switchedOff } from "../http/flag-guard.js";
import { notFound, Problem } from "../http/problem.js";
import { indianDay } from "../indian-time.js";
import { STATUS_NAMES } from "../orders/order-parts.js";
import { findOrder } from "../orders/orders.js";
import { ORDER_STATUSES } from "../orders/status.js";
import { moveOrder } from "../orders/transitions.js";
import type { Services } from "../services.js";
import { StorePath } from "../stores/store-path.js";
import { DownloadSlots } from "./download-slots.js";
import { ordersCsv } from "./order-csv.js";
import { FilterQuery, parseFilter, type OrderFilter } from "./order-filter.js";
import { listOrders } from "./order-list.js";
import { merchantOrderPage, ordersPage } from "./order-pages.js";

const PAGE_SIZE = 50;
/** How long a search may take, in milliseconds. */
const SEARCH_LIMIT = 2_000;
/** How long a download may take, in milliseconds: 100,000 orders over a slow line. */
const DOWNLOAD_LIMIT = 15 * 60 * 1000;

const OrderPath = Type.Object({ slug: Type.String(), order: Type.String() });

/** A merchant's orders: the list, the file, one order and its way. */
export function registerOrderAdminRoutes(app: App, services: Services): void {
  const { db, flags, layout } = services;
  const slots = new DownloadSlots();

  const querystring = Type.Object({
    ...FilterQuery.properties,
    page: Type.Optional(Type.String({ pattern: CURSOR_PATTERN })),
  });
  app.get("/admin/:slug/orders", { schema: { params: StorePath, querystring } }, async (request, reply) => {
    const store = merchantStore(request);
    const { page, ...texts } = request.query;
    const { filter, errors } = parseFilter(texts);
    if (Object.keys(errors).length > 0)
      return sendPrivatePage(
        reply.code(422),
        ordersPage(layout, signedIn(request), store, { orders: { rows: [] }, texts, errors }),
      );
    await refuseSearchWhenOff(filter);
    const cursor = page === undefined ? undefined : parseCursor(page);
    const orders =
      (await readWithin(
        db,
        SEARCH_LIMIT,
        async (transaction) => await listOrders(transaction, store.id, filter, cursor, PAGE_SIZE),
      )) ?? "too-slow";
    return sendPrivatePage(reply, ordersPage(layout, signedIn(request), store, { orders, texts, errors }));
  });

  const download = {
    schema: { params: StorePath, querystring: FilterQuery },
    handlerTimeout: DOWNLOAD_LIMIT,
    config: { offWhen: "exports_off" as const },
    // Nobody reads what a HEAD would make: the whole list would be made at once.
    exposeHeadRoute: false,
  };
  app.get("/admin/:slug/orders.csv", download, async (request, reply) => {
    const store = merchantStore(request);
    const { filter, errors } = parseFilter(request.query);
    if (Object.keys(errors).length > 0)
      throw new Problem(400, "invalid-input", "Some of the input is not valid.", {
        details: Object.entries(errors).map(([field, reason]) => ({ path: `querystring/${field}`, reason })),
      });
    await refuseSearchWhenOff(filter);
    const release = slots.take(signedIn(request).merchantId);
    const list = Readable.from(ordersCsv(db, store.id, filter), { objectMode: true, highWaterMark: 1 });
    // At its end, or when the merchant goes away before it; also who is gone already.
    list.once("close", release);
    if (reply.raw.destroyed) list.destroy();
    return reply
      .header("cache-control", "private, no-store")
      .header(
        "content-disposition",
        `attachment; filename="orders-${store.slug}-${indianDay(new Date())}.csv"`,
      )
      .type("text/csv; charset=utf-8")
      .send(list);
  });

  app.get("/admin/:slug/orders/:order", { schema: { params: OrderPath } }, async (request, reply) => {
    const store = merchantStore(request);
    const order = await requireOrder(store.id, request.params.order);
    return sendPrivatePage(reply, merchantOrderPage(layout, signedIn(request), store, order));
  });

  const body = Type.Object({
    from: Type.Enum([...ORDER_STATUSES]),
    to: Type.Enum(["accepted", "shipped", "delivered", "cancelled"]),
  });
  app.post(
    "/admin/:slug/orders/:order/status",
    { schema: { params: OrderPath, body } },
    async (request, reply) => {
      const store = merchantStore(request);
      const number = parseOrderNumber(request.params.order);
      const { from, to } = request.body;
      const form = sentForm(request, [store.id, number, from, to]);
      const applied = await applyOnce(db, form, async (transaction) => {
        const move = { from, to, actor: "merchant" } as const;
        const result = await moveOrder(transaction, { storeId: store.id, number }, move);
        return result.outcome === "moved"
          ? { location: `/admin/${store.slug}/orders/${number}` }
          : { refusal: result };
      });
      if ("location" in applied) return reply.redirect(applied.location, 303);
      // Somebody was quicker, or there is no such way; the page shows where the order is.
      const order = await requireOrder(store.id, request.params.order);
      const notice = `Nothing was changed: the order is ${STATUS_NAMES[order.status].toLowerCase()} already.`;
      return sendPrivatePage(
        reply.code(409),
        merchantOrderPage(layout, signedIn(request), store, order, notice),
      );
    },
  );

  async function refuseSearchWhenOff(filter: OrderFilter): Promise<void> {
    if (Object.keys(filter).length > 0 && (await flags.isEnabled("search_off"))) throw switchedOff();
  }

  async function requireOrder(storeId: number, number: string) {
    const order = await findOrder(db, { storeId, number: parseOrderNumber(number) });
    if (!order) throw noSuchOrder();
    return order;
  }
}

function parseOrderNumber(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw noSuchOrder();
  return Number(text);
}

function noSuchOrder(): Problem {
  return notFound("Your shop has no such order.");
}
