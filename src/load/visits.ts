import type { Product, Store } from "./catalogue.js";
import type { Answer, Ask } from "./http-client.js";
import { buyerName, type Journal, type Line } from "./journal.js";
import type { Random } from "../../apps/api/seed/random.js";
import { popular } from "./choice.js";

/** What a visitor comes for. */
export type VisitKind = "catalogue" | "product" | "cart" | "order";

/** What requests are counted by. A visit may need several, each after the answer to the one before it. */
export type RequestKind = "catalogue" | "product" | "cart" | "checkout" | "order" | "receipt";

/** Requests of one visit; the first counts from when the visitor meant to come. */
export interface Asker {
  /**
   * @param expected statuses that are no failure
   * @param unexpected tells what is wrong with an answer of a right status, in a few words
   * @returns undefined when it failed; that is counted already
   */
  (
    kind: RequestKind,
    ask: Ask,
    expected: readonly number[],
    unexpected?: (answer: Answer) => string | undefined,
  ): Promise<Answer | undefined>;
  /** Does something that the shop has no part in, so its time counts for no request. */
  aside: (work: () => Promise<void>) => Promise<void>;
}

export interface Town {
  stores: readonly Store[];
  random: Random;
  run: string;
  journal: Journal | undefined;
  /** Pieces that are left by our own account, by product. */
  left: Map<number, number>;
  orders: { next: number; placed: number; refused: number; unknown: number };
}

const FORM = { "content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin" };
/** Buyers try again when nothing comes back, and the shop promised them that this is safe. */
const ORDER_ATTEMPTS = 3;
const PAUSE_BEFORE_RETRY_MS = 500;

const ADDRESS = { street: "1, Load Street", city: "Bengaluru", pin: "560001" };

/** Plays one visitor. */
export async function visit(kind: VisitKind, town: Town, ask: Asker): Promise<void> {
  const { random } = town;
  // Shops also bound orders by address, and all visitors have the same one: orders go to all shops alike.
  const store =
    kind === "order" ? town.stores[Math.floor(random() * town.stores.length)]! : popular(random, town.stores);
  switch (kind) {
    case "catalogue":
      await ask("catalogue", get(popular(random, store.pages)), [200]);
      return;
    case "product":
      await ask("product", get(`/s/${store.slug}/p/${popular(random, store.products).id}`), [200]);
      return;
    case "cart":
      await fillCart(store, popular(random, store.products), ask);
      return;
    case "order":
      await (random() < 0.5 ? orderByForm(store, town, ask) : orderByApi(store, town, ask));
      return;
    default:
      kind satisfies never;
  }
}

async function fillCart(store: Store, product: Product, ask: Asker): Promise<string | undefined> {
  const added = await ask(
    "cart",
    post(`/s/${store.slug}/cart`, { product: String(product.id), quantity: "1" }),
    [303],
  );
  const cookie = added && cookieOf(added);
  if (cookie === undefined) return undefined;
  await ask("cart", get(`/s/${store.slug}/cart`, cookie), [200]);
  return cookie;
}

/** Cart, checkout and order as a browser without JavaScript goes through them. */
async function orderByForm(store: Store, town: Town, ask: Asker): Promise<void> {
  const product = productInStock(store, town);
  if (!product) return void (await ask("catalogue", get(`/s/${store.slug}`), [200]));
  const cookie = await fillCart(store, product, ask);
  if (cookie === undefined) return;
  const page = await ask(
    "checkout",
    { ...get(`/s/${store.slug}/checkout`, cookie), wantBody: true },
    [200],
    ({ body }) => (hidden(body, "key") && hidden(body, "total") ? undefined : "a checkout without its form"),
  );
  if (!page) return;
  const [key, total] = [hidden(page.body, "key")!, hidden(page.body, "total")!];
  const { order, phone } = await attempt(town, ask, {
    store: store.slug,
    lines: [{ productId: product.id, quantity: 1 }],
    totalPaise: Number(total),
  });
  const form = { key, total, name: buyerName(town.run, order), phone, ...ADDRESS, landmark: "" };
  await settle(town, order, async () => {
    const answer = await ask(
      "order",
      post(`/s/${store.slug}/checkout`, form, cookie),
      [303, 409],
      ({ status, headers }) =>
        status === 303 && !orderId(headers.location) ? "an order without an address" : undefined,
    );
    if (!answer) return undefined;
    if (answer.status === 409) return { refused: "out of stock" };
    await ask("receipt", get(answer.headers.location!, cookie), [200]);
    return { id: orderId(answer.headers.location)! };
  });
}

/** One order over the JSON API; every fifth buyer sends it twice. */
async function orderByApi(store: Store, town: Town, ask: Asker): Promise<void> {
  const product = productInStock(store, town);
  if (!product) return void (await ask("catalogue", get(`/s/${store.slug}`), [200]));
  const lines = [{ productId: product.id, quantity: 1 + Math.floor(town.random() * 2) }];
  const totalPaise = product.pricePaise * lines[0]!.quantity;
  const { order, phone } = await attempt(town, ask, { store: store.slug, lines, totalPaise });
  const request: Ask = {
    method: "POST",
    path: `/api/v1/stores/${store.slug}/orders`,
    headers: { "content-type": "application/json", "idempotency-key": `load-${town.run}-${order}` },
    body: JSON.stringify({
      buyer: { name: buyerName(town.run, order), phone, address: ADDRESS },
      lines,
      expectedTotalPaise: totalPaise,
    }),
    wantBody: true,
  };
  await settle(town, order, async () => {
    const answer = await ask("order", request, [200, 201, 409], (given) =>
      given.status !== 409 && !idIn(given) ? "an order without an id" : undefined,
    );
    if (!answer) return undefined;
    if (answer.status === 409) return { refused: "out of stock" };
    if (order % 5 === 0)
      await ask("order", request, [200], (again) =>
        idIn(again) === idIn(answer) ? undefined : "a second order under one key",
      );
    return { id: idIn(answer)! };
  });
}

/** Notes an order before it is sent. */
async function attempt(
  town: Town,
  ask: Asker,
  wanted: { store: string; lines: Line[]; totalPaise: number },
): Promise<{ order: number; phone: string }> {
  const order = town.orders.next++;
  for (const { productId, quantity } of wanted.lines)
    town.left.set(productId, (town.left.get(productId) ?? 0) - quantity);
  await ask.aside(async () => {
    await town.journal?.add({ type: "attempt", order, ...wanted });
  });
  // Shops bound orders by phone number, so those of another run come from other numbers.
  const number = (Number.parseInt(town.run.slice(0, 8), 16) + order) % 1_000_000_000;
  return { order, phone: `9${String(number).padStart(9, "0")}` };
}

/** Sends an order until something is known about it, and writes that down. */
async function settle(
  town: Town,
  order: number,
  send: () => Promise<{ id: string } | { refused: string } | undefined>,
): Promise<void> {
  for (let i = 1; i <= ORDER_ATTEMPTS; i++) {
    const result = await send();
    if (result && "id" in result) {
      await town.journal?.add({ type: "placed", order, id: result.id });
      town.orders.placed++;
      return;
    }
    if (result) {
      await town.journal?.add({ type: "refused", order, reason: result.refused });
      town.orders.refused++;
      return;
    }
    if (i < ORDER_ATTEMPTS) await new Promise((resolve) => setTimeout(resolve, PAUSE_BEFORE_RETRY_MS));
  }
  town.orders.unknown++;
}

/** Two are kept back: one order takes at most that many, and a refusal is no load worth having. */
function productInStock(store: Store, { left, random }: Town): Product | undefined {
  const available = store.products.filter(({ id }) => (left.get(id) ?? 0) >= 2);
  return available.length === 0 ? undefined : popular(random, available);
}

function get(path: string, cookie?: string): Ask {
  return { method: "GET", path, ...(cookie !== undefined && { headers: { cookie } }) };
}

function post(path: string, form: Record<string, string>, cookie?: string): Ask {
  return {
    method: "POST",
    path,
    headers: { ...FORM, ...(cookie !== undefined && { cookie }) },
    body: new URLSearchParams(form).toString(),
  };
}

function cookieOf(answer: Answer): string | undefined {
  return answer.headers["set-cookie"]?.find((line) => line.startsWith("cart="))?.split(";")[0];
}

function hidden(page: string, name: string): string | undefined {
  return new RegExp(`name="${name}" value="([^"]+)"`).exec(page)?.[1];
}

function idIn({ body }: Answer): string | undefined {
  return /"id":"([\w-]{22})"/.exec(body)?.[1];
}

function orderId(location: string | undefined): string | undefined {
  return /\/o\/([\w-]{22})$/.exec(location ?? "")?.[1];
}
