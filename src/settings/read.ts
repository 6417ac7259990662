import { RunError, getStack } from "@pulumi/pulumi";
import { allConfig } from "@pulumi/pulumi/runtime/index.js";
import { withKeys } from "./backup.js";
import { describeProblems, parseSettings } from "./parse.js";
import type { Settings } from "./schema.js";

/**
 * The settings of the running program's stack: Pulumi's configuration, and the environment: where the provider
 * `hcloud` also looks, and the keys of the backups.
 * @throws RunError with every problem; Pulumi shows it without a stack trace and ends the program
 */
export function readSettings(): Settings {
  const config = allConfig();
  const backup = withKeys(config["dukaan:backup"], {
    accessKey: process.env["DUKAAN_BACKUP_ACCESS_KEY"],
    secretKey: process.env["DUKAAN_BACKUP_SECRET_KEY"],
  });
  const outcome = parseSettings(getStack(), {
    ...fromEnvironment("hcloud:token", "HCLOUD_TOKEN"),
    ...fromEnvironment("hcloud:endpoint", "HCLOUD_ENDPOINT"),
    ...config,
    ...(backup !== undefined && { "dukaan:backup": backup }),
  });
  if (outcome.settings) return outcome.settings;
  throw new RunError(describeProblems(getStack(), outcome.problems));
}

function fromEnvironment(key: string, variable: string): Record<string, string> {
  const value = process.env[variable];
  return value === undefined || value === "" ? {} : { [key]: value };
}
