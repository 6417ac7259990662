import { whyOverBudget } from "../budget.js";
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
