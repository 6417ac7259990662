import { withEnvironment } from "../settings/environment.js";
import { describeProblems, parseSettings } from "../settings/parse.js";
import type { Settings } from "../settings/schema.js";
import { CliError, ExitCode } from "./errors.js";
import { type StackContext, withoutSecrets, writtenSettings } from "./stack.js";

/**
 * Checks a stack's settings before anything is started, with what the environment adds to them. For a stack on the local
 * cloud, endpoint and token are the local cloud's, whatever is written there.
 * @throws CliError (usage) with every problem at once
 */
export async function requireSettings(stack: StackContext, stage?: string): Promise<Settings> {
  const config = await writtenSettings(stack);
  const outcome = parseSettings(stack.name, {
    ...withEnvironment(stack.local ? withoutSecrets(config) : config, process.env),
    ...(stage !== undefined && { "dukaan:stage": stage }),
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
