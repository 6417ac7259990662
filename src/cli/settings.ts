import type { StageSettings } from "../evolve/plan.js";
import { withEnvironment } from "../settings/environment.js";
import { describeProblems, parseSettings } from "../settings/parse.js";
import type { Settings } from "../settings/schema.js";
import { CliError, ExitCode } from "./errors.js";
import { type StackContext, withoutSecrets, writtenSettings } from "./stack.js";

/**
 * Checks a stack's settings before anything is started, with what the environment adds to them. For a stack on the local
 * cloud, endpoint and token are the local cloud's, whatever is written there.
 * @param at takes the place of the stage that is written; with what says that a move is under way, or a stage's name alone
 * @throws CliError (usage) with every problem at once
 */
export async function requireSettings(stack: StackContext, at?: StageSettings | string): Promise<Settings> {
  const config = await writtenSettings(stack);
  const outcome = parseSettings(stack.name, {
    ...withEnvironment(stack.local ? withoutSecrets(config) : config, process.env),
    ...(typeof at === "string" ? { "dukaan:stage": at } : at && byKey(at)),
    ...(stack.local && {
      "dukaan:local": true,
      "hcloud:endpoint": "http://127.0.0.1/v1",
      "hcloud:token": "0".repeat(64),
    }),
  });
  if (outcome.settings) return outcome.settings;
  throw new CliError(
    describeProblems(stack.name, outcome.problems),
    "Correct them all, then run the same command again.",
    ExitCode.usage,
  );
}

function byKey({ stage, joining, leaving, playbook }: StageSettings): Record<string, unknown> {
  return {
    "dukaan:stage": stage,
    "dukaan:joining": joining,
    "dukaan:leaving": leaving,
    "dukaan:playbook": playbook,
  };
}
