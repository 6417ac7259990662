import type { Topology } from "../topology/topology.js";
import { type Pricing, priceItems } from "./price.js";
import { fixedItems } from "./targets/hetzner.js";

/**
 * Whether what a topology costs by the month, whatever its usage, is within a budget. Traffic and object storage are not
 * known before they are used, and not in it.
 * @param budget euros a month
 * @returns why it is not; what has no price cannot be said to be within any budget
 */
export function overBudget(topology: Topology, budget: number, pricing: Pricing): string | undefined {
  const bill = priceItems(fixedItems(topology), { ...pricing, currency: "EUR" });
  const [missing] = bill.notPriced;
  if (missing !== undefined) {
    return `nobody can say whether it stays within dukaan:monthlyBudget (€${budget}): not priced: ${missing}`;
  }
  if (bill.priced <= budget) return undefined;
  const largest = bill.items
    .toSorted((a, b) => b.amount - a.amount)
    .slice(0, 3)
    .map(({ quantity, sku, amount }) => `${quantity} ${sku} €${amount.toFixed(2)}`);
  return `it would cost €${bill.priced.toFixed(2)} a month, more than dukaan:monthlyBudget (€${budget}): ${largest.join(", ")}`;
}
