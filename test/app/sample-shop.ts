import { placeOrder } from "./ordering.js";
import { halves } from "./pictures.js";
import { openShop, Visitor, type Shop } from "./shop.js";

/** Names that strain a page: in another script, with emoji, long, and without a place to break. */
const NAMES = [
  "श्री गणेश मोतीचूर लड्डू – त्योहार का विशेष डिब्बा (१ किलो)",
  "🪔 Diwali hamper 🎁 with sweets, dry fruits, candles and a hand-painted greeting card for the whole family",
  "Extraordinarilylongwordwithoutanyplacetobreakitthatsomebodyonceentered",
  "₹1 toffee",
];

/** What the addresses of a shop's routes need, by the names that routes give it. */
export type Ids = Record<"slug" | "product" | "category" | "order" | "publicId", string>;

export interface SampleShop {
  merchant: Visitor;
  /** A buyer with a few things in the cart. */
  buyer: Visitor;
  ids: Ids;
}

/** A shop with a bit of everything: 30 products in and out of stock, categories, orders in every state. */
export async function openSampleShop(shop: Shop): Promise<SampleShop> {
  const slug = "mithai";
  const { merchant } = await openShop(shop.app, slug);
  await shop.db
    .updateTable("stores")
    .set({
      name: "श्री बालाजी मिष्ठान्न भण्डार 🪔 Sweets & Namkeen, Old Market Road",
      whatsapp_phone: "+919876543210",
    })
    .where("slug", "=", slug)
    .execute();
  const admin = `/admin/${slug}`;
  for (const name of ["मिठाइयाँ", "Namkeen & snacks for every time of the day", "Gifts 🎁"])
    await merchant.submit(`${admin}/categories`, `${admin}/categories`, { name, position: "1" });
  const categories = await shop.db.selectFrom("categories").select(["id", "slug"]).orderBy("id").execute();

  const form = {
    description: "Made fresh every morning.\n\nKeeps for ten days in a cool place. शुद्ध देसी घी।",
    category: String(categories[0]!.id),
    compareAt: "1999",
    position: "0",
  };
  for (let index = 0; index < 30; index++) {
    const product = {
      name: NAMES[index % 10] ?? `Besan laddu no. ${index}`,
      price: "1249.50",
      stock: String(index),
    };
    const path = `${admin}/products`;
    await merchant.submit(`${path}/new`, path, index % 3 === 0 ? { ...product, ...form } : product);
  }
  const products = await shop.db.selectFrom("products").select(["id", "stock"]).orderBy("id").execute();
  const stocked = products.filter(({ stock }) => stock > 15).map(({ id }) => id);

  const page = `${admin}/products/${stocked[2]}`;
  for (const [width, height] of [
    [1600, 900],
    [900, 1600],
  ] as const) {
    const answer = await merchant.upload(page, await halves(width, height), { alt: "Half red, half blue" });
    if (answer.status !== 303) throw new Error(`No picture was added: ${answer.status} ${answer.body}`);
  }

  const publicIds: string[] = [];
  for (const productId of stocked.slice(0, 6))
    publicIds.push(
      await placeOrder(shop, slug, [
        { productId, quantity: 2 },
        { productId: stocked[9]!, quantity: 1 },
      ]),
    );
  const orders = await shop.db.selectFrom("orders").select("id").orderBy("id").execute();
  const steps = [["accepted", "shipped", "delivered"], ["accepted", "shipped"], ["accepted"], ["cancelled"]];
  for (const [index, states] of steps.entries()) {
    let from = "placed";
    for (const to of states) {
      await merchant.post(`${admin}/orders/${orders[index]!.id}/status`, { from, to });
      from = to;
    }
  }

  const buyer = new Visitor(shop.app);
  for (const productId of stocked.slice(0, 3))
    await buyer.post(`/s/${slug}/cart`, { product: String(productId), quantity: "2" });
  return {
    merchant,
    buyer,
    ids: {
      slug,
      product: String(stocked[2]),
      category: categories[0]!.slug,
      order: String(orders[1]!.id),
      publicId: publicIds[1]!,
    },
  };
}
