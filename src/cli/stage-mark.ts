import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { StageSettings } from "../evolve/plan.js";
import { type Pulumi, query } from "./pulumi.js";
import { writeAtomically } from "./write-atomically.js";

/**
 * The stage that a local stack is at, where it is another than that of the checkout's settings. The copy of the settings
 * that Pulumi reads is made anew by every command, so this lives beside the stack's state.
 */
interface StageMark {
  /** The stage in the checkout when the mark was made: once that is another, somebody has decided anew. */
  insteadOf: string;
  settings: StageSettings;
}

/** In this order: cut off between two of them, a move is found where it goes on. */
const names = ["leaving", "stage", "playbook", "joining"] as const;

/** What takes the place of the checkout's stage, by key of the configuration; empty when nothing does. */
export async function markedStage(
  directory: string,
  inTree: Readonly<Record<string, unknown>>,
): Promise<Record<string, unknown>> {
  const file = markFile(directory);
  if (!existsSync(file)) return {};
  const { insteadOf, settings } = JSON.parse(await readFile(file, "utf8")) as StageMark;
  return stageOf(inTree) === insteadOf ? byKey(settings) : {};
}

/** Puts a stack at a stage, from the next `pulumi up` on. A real stack's settings are written to its file. */
export async function setStage(
  pulumi: Pulumi,
  settings: StageSettings,
  inTree: Readonly<Record<string, unknown>>,
): Promise<void> {
  for (const name of names) {
    const value = settings[name];
    const key = `dukaan:${name}`;
    await query(pulumi, value === undefined ? ["config", "rm", key] : ["config", "set", key, value]);
  }
  const { stack } = pulumi;
  if (!stack.local) return;
  const { stage, joining, leaving, playbook } = settings;
  const mark: StageMark = {
    insteadOf: stageOf(inTree),
    settings: {
      stage,
      ...(joining && { joining }),
      ...(leaving && { leaving }),
      ...(playbook && { playbook }),
    },
  };
  await writeAtomically(markFile(stack.directory), JSON.stringify(mark), 0o600);
}

function markFile(directory: string): string {
  return join(directory, "stage.json");
}

function stageOf(config: Readonly<Record<string, unknown>>): string {
  const stage = config["dukaan:stage"];
  return typeof stage === "string" ? stage : "droplet";
}

function byKey(settings: StageSettings): Record<string, unknown> {
  return Object.fromEntries(
    names.flatMap((name) => (settings[name] === undefined ? [] : [[`dukaan:${name}`, settings[name]]])),
  );
}
