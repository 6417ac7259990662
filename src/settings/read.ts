import { RunError, getStack } from "@pulumi/pulumi";
import { allConfig } from "@pulumi/pulumi/runtime/index.js";
import { withEnvironment } from "./environment.js";
import { describeProblems, parseSettings } from "./parse.js";
import type { Settings } from "./schema.js";

/**
 * The settings of the running program's stack: Pulumi's configuration, and the environment: where the provider
 * `hcloud` also looks, and secrets that need not be configured.
 * @throws RunError with every problem; Pulumi shows it without a stack trace and ends the program
 */
export function readSettings(): Settings {
  const outcome = parseSettings(getStack(), withEnvironment(allConfig(), process.env));
  if (outcome.settings) return outcome.settings;
  throw new RunError(describeProblems(getStack(), outcome.problems));
}
