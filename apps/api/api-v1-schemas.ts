import { Type } from "@fastify/type-provider-typebox";
import { MAX_LINES, MAX_QUANTITY } from "./cart/cart.js";
import { ORDER_STATUSES } from "./orders/status.js";

// What the JSON API takes and gives. Requests are checked by these, and the OpenAPI document shows them.

const id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const paise = Type.Integer({ minimum: 0, description: "Whole paise; 100 are a rupee." });
const OrderId = Type.String({
  pattern: "^[A-Za-z0-9_-]{22}$",
  description: "Whoever knows it may see the order: it is a secret between shop and buyer.",
});

/** Every answer that is no success. */
const ErrorBody = Type.Object({
  error: Type.Object({
    code: Type.String({ description: "Names the problem for programs; kebab-case, stable." }),
    message: Type.String({ description: "Says it to people." }),
    details: Type.Array(Type.Object({ path: Type.String(), reason: Type.String() })),
    requestId: Type.Optional(Type.String({ description: "Names the request in the server's log." })),
  }),
});

const error = (description: string) => Type.Object(ErrorBody.properties, { description });

/** What any request may be answered with. */
const anyRequest = {
  400: error("The request is not well-formed, or an input is not valid; `details` names it."),
  405: error("The address does not know this method; `Allow` names those that it knows."),
  414: error("The address is too long."),
  503: error("Not now: `Retry-After` says after how many seconds the same request may succeed."),
};

const aboutAStore = {
  ...anyRequest,
  308: Type.Null({ description: "The store has another address now; `Location` names it." }),
  404: error("There is no such store, or nothing of that name in it."),
};

const Image = Type.Object({
  alt: Type.String(),
  width: Type.Integer(),
  height: Type.Integer(),
  files: Type.Array(Type.Object({ url: Type.String(), width: Type.Integer(), type: Type.String() })),
});

const ProductFacts = {
  id,
  name: Type.String(),
  pricePaise: paise,
  compareAtPaise: Type.Union([paise, Type.Null()], { description: "What it cost before." }),
  stock: Type.Integer({ minimum: 0 }),
};

const Cursor = Type.Union([Type.String(), Type.Null()]);

export const StoreResponses = {
  200: Type.Object(
    { slug: Type.String(), name: Type.String(), url: Type.String() },
    { description: "The store." },
  ),
  ...aboutAStore,
};

export const ProductListResponses = {
  200: Type.Object(
    {
      products: Type.Array(Type.Object({ ...ProductFacts, image: Type.Union([Image, Type.Null()]) })),
      newer: Cursor,
      older: Cursor,
    },
    { description: "Up to 100 products, and the values of `page` that lead to more; null: there are none." },
  ),
  ...aboutAStore,
};

export const ProductResponses = {
  200: Type.Object(
    { ...ProductFacts, description: Type.String(), images: Type.Array(Image) },
    { description: "The product." },
  ),
  ...aboutAStore,
};

export const OrderHeaders = Type.Object({
  "idempotency-key": Type.String({
    pattern: "^[A-Za-z0-9-]{16,64}$",
    description: "Chosen by the client at random for each order: the same key never makes a second one.",
  }),
});

export const OrderBody = Type.Object({
  buyer: Type.Object({
    name: Type.String(),
    phone: Type.String({ description: "An Indian mobile number." }),
    address: Type.Object({
      street: Type.String(),
      landmark: Type.Optional(Type.String()),
      city: Type.String(),
      pin: Type.String({ description: "Six digits." }),
    }),
  }),
  lines: Type.Array(
    Type.Object({ productId: id, quantity: Type.Integer({ minimum: 1, maximum: MAX_QUANTITY }) }),
    { minItems: 1, maxItems: MAX_LINES, description: "Each product once." },
  ),
  expectedTotalPaise: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: Number.MAX_SAFE_INTEGER,
      description: "What the buyer agreed to pay; another total is refused.",
    }),
  ),
});

const PlacedOrder = { id: OrderId, url: Type.String({ description: "The order's page, for its buyer." }) };

export const PlaceOrderResponses = {
  201: Type.Object(PlacedOrder, { description: "The order was placed." }),
  200: Type.Object(PlacedOrder, { description: "It had been placed under this key before." }),
  ...aboutAStore,
  403: error("A browser sent this from a page of another site."),
  409: error("Not enough in stock, another total than expected, or another order under this key."),
  413: error("The request is larger than 64 KiB."),
  415: error("The body is neither JSON nor a form."),
  429: error("Too many orders from this phone number or address; `Retry-After` says when to try again."),
};

export const OrderPath = Type.Object({ order: OrderId });

export const OrderResponses = {
  200: Type.Object(
    {
      id: OrderId,
      number: id,
      status: Type.Enum([...ORDER_STATUSES]),
      totalPaise: paise,
      createdAt: Type.String({ format: "date-time" }),
      store: Type.String({ description: "Its slug." }),
      lines: Type.Array(
        Type.Object({ productId: id, name: Type.String(), pricePaise: paise, quantity: Type.Integer() }),
      ),
    },
    { description: "The order." },
  ),
  ...anyRequest,
  404: error("There is no such order."),
};
