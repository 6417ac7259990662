import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { defaultAssumptions } from "../cost/assumptions.js";
import { sizedTopology } from "../cost/estimate.js";
import { usages } from "../cost/usage.js";
import { describeProblems, parseSettings } from "../settings/parse.js";
import type { Settings } from "../settings/schema.js";
import { type Stage, builtStages, isBuilt } from "../topology/stages.js";
import type { Topology } from "../topology/topology.js";
import { topologyOf } from "../../stacks/index.js";
import { CliError, ExitCode } from "./errors.js";
import { openStack, stackFileInTree } from "./stack.js";

/** What a picture needs to say. */
export interface Sketch {
  topology: Topology;
  /** How machines were sized, when not by the settings. */
  note: string;
}

/**
 * A stack's topology, from its settings alone: nothing is asked of any cloud, and neither access nor secrets need be set.
 * A stage that cannot be provisioned yet gets the machines that the usual traffic needs.
 * @param stage in place of the settings' own
 * @throws CliError (usage) with every problem of the settings
 */
export async function sketchTopology(stackName: string, stage?: Stage): Promise<Sketch> {
  const stack = await openStack(stackName);
  const file = parse(await readFile(stackFileInTree(stackName), "utf8")) as {
    config?: Record<string, unknown>;
  } | null;
  const isPlanned = stage !== undefined && !isBuilt(stage);
  const settings = sketchSettings(stack, file?.config ?? {}, isPlanned ? undefined : stage);
  if (!isPlanned) return { topology: topologyOf(settings), note: "" };
  if (settings.provider === "aws") {
    throw new CliError(
      `stage ${stage} cannot be planned on AWS yet: its machines are sized for Hetzner`,
      `Use a stage that is built (${builtStages.join(", ")}), or a stack on Hetzner.`,
      ExitCode.usage,
    );
  }
  const usage = usages.expected;
  const assumptions = { ...defaultAssumptions, capacity: settings.capacity ?? defaultAssumptions.capacity };
  const { topology } = sizedTopology({ stage, target: "hetzner", usage, assumptions }, settings);
  return { topology, note: `sized for ${usage.pageViews / 1e6} million page views a month` };
}

/**
 * Settings with stand-ins for what only access, people and secrets need: none of it is in a topology. The rest is
 * checked.
 * @throws CliError (usage) with every problem
 */
function sketchSettings(
  { name, local }: { name: string; local: boolean },
  config: Readonly<Record<string, unknown>>,
  stage: Stage | undefined,
): Settings {
  const {
    "dukaan:backup": backup,
    "dukaan:images": images,
    "dukaan:operatorCidrs": operators = [],
    ...given
  } = config;
  const backups = backup === undefined && given["dukaan:managed"] === true ? "none" : backup;
  const nobody = Array.isArray(operators) && operators.length === 0;
  const standIns = {
    ...given,
    "dukaan:operatorCidrs": nobody ? ["192.0.2.1/32"] : operators,
    ...(stage !== undefined && { "dukaan:stage": stage }),
    "hcloud:token": "0".repeat(64),
    "dukaan:sms": "log",
    ...(local && { "dukaan:local": true, "hcloud:endpoint": "http://127.0.0.1/v1" }),
    "dukaan:backup": isWord(backups) ? backups : anyBucket(backups, "any-backups"),
    "dukaan:images": isWord(images) ? images : anyBucket(images, "any-images"),
  };
  const { settings, problems } = parseSettings(name, standIns);
  if (settings) return nobody && !local ? { ...settings, operatorCidrs: [] } : settings;
  throw new CliError(
    describeProblems(name, problems),
    "Correct them all, then run the same command again.",
    ExitCode.usage,
  );
}

/** Whether no bucket is named: there is none, or the stack makes it. */
function isWord(given: unknown): boolean {
  return given === "none" || given === "own";
}

/** Whether there is a bucket, and on which port, is part of the picture; the keys are not. */
function anyBucket(given: unknown, bucket: string): Record<string, unknown> {
  const endpoint =
    typeof given === "object" && given !== null && "endpoint" in given
      ? given.endpoint
      : "https://storage.example";
  return { endpoint, region: "any", bucket, accessKey: "any", secretKey: "any-secret" };
}
