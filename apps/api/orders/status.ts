/** Where an order is on its way, in the usual order. */
export const ORDER_STATUSES = ["placed", "accepted", "shipped", "delivered", "cancelled"] as const;
export type OrderStatus = (typeof ORDER_STATUSES)[number];

/** Who moves an order on. */
export type Actor = "buyer" | "merchant";

/** The whole machine: who may move an order from where to where. What is not here is not possible. */
const MOVES: Readonly<Record<OrderStatus, Partial<Record<OrderStatus, readonly Actor[]>>>> = {
  placed: { accepted: ["merchant"], cancelled: ["merchant", "buyer"] },
  accepted: { shipped: ["merchant"], cancelled: ["merchant"] },
  shipped: { delivered: ["merchant"] },
  delivered: {},
  cancelled: {},
};

/** What somebody may make of an order that stands there. */
export function nextStatuses(from: OrderStatus, actor: Actor): OrderStatus[] {
  return ORDER_STATUSES.filter((to) => mayMove(from, to, actor));
}

/** Whether somebody may move an order from one status to another. */
export function mayMove(from: OrderStatus, to: OrderStatus, actor: Actor): boolean {
  return MOVES[from][to]?.includes(actor) ?? false;
}
