import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { whyOverBudget } from "../budget.js";
import { parseSettings } from "../settings/parse.js";
import { CliError, ExitCode } from "./errors.js";
import type { StackContext } from "./stack.js";

/**
 * Refuses a stack on a real cloud that would cost more than its settings allow. The local cloud costs nothing.
 * @param stage in place of the settings' own
 * @throws CliError (refused) with the reason
 */
export async function requireBudget(
  stack: Pick<StackContext, "name" | "local" | "configFile">,
  stage?: string,
): Promise<void> {
  if (stack.local || !existsSync(stack.configFile)) return;
  const file = parse(await readFile(stack.configFile, "utf8")) as { config?: Record<string, unknown> } | null;
  const config = file?.config ?? {};
  // Only what the bill depends on: keys and tokens may be encrypted, and are the program's to check.
  const names = [
    "stage",
    "provider",
    "location",
    "serverType",
    "databaseServerType",
    "image",
    "networkCidr",
    "monthlyBudget",
  ];
  const relevant = names.flatMap((name) =>
    config[`dukaan:${name}`] === undefined ? [] : [[`dukaan:${name}`, config[`dukaan:${name}`]] as const],
  );
  const { settings } = parseSettings(stack.name, {
    ...Object.fromEntries(relevant),
    ...(stage !== undefined && { "dukaan:stage": stage }),
    "hcloud:token": "-".repeat(64),
    "dukaan:operatorCidrs": ["192.0.2.1/32"],
    "dukaan:backup": "none",
    "dukaan:sms": "log",
  });
  // Wrong settings are told, all of them, by the program itself, which changes nothing then.
  if (!settings) return;
  const reason = whyOverBudget(settings);
  if (reason === undefined) return;
  throw new CliError(
    reason,
    `Raise dukaan:monthlyBudget in Pulumi.${stack.name}.yaml, take a smaller dukaan:serverType, or say --over-budget.`,
    ExitCode.refused,
  );
}
