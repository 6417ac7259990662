import { whyOverBudget } from "../budget.js";
import type { Evolution } from "../evolve/plan.js";
import type { Settings } from "../settings/schema.js";
import { CliError, ExitCode } from "./errors.js";

/**
 * Refuses a stack on a real cloud that would cost more than its settings allow. The local cloud costs nothing.
 * @throws CliError (refused) with the reason
 */
export function requireBudget(settings: Settings): void {
  const reason = whyOverBudget(settings);
  if (reason === undefined) return;
  throw new CliError(
    reason,
    `Raise dukaan:monthlyBudget in Pulumi.${settings.stack}.yaml, take a smaller dukaan:serverType, or say --over-budget.`,
    ExitCode.refused,
  );
}

/**
 * The same of a move to another stage, whose machines stand beside the old ones until it is finished.
 * @throws CliError (refused) with the reason
 */
export function requireBudgetToEvolve(settings: Settings, { settings: { during, after } }: Evolution): void {
  for (const stage of [during, after]) requireBudget({ ...settings, ...stage });
}
