import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { execa } from "execa";
import { projectRoot } from "../project.js";
import {
  breaksPolicy,
  type Changes,
  describeError,
  describeStep,
  type EngineEvent,
  followEvents,
} from "./engine-events.js";
import { CliError, ExitCode } from "./errors.js";
import { interruptible } from "./interrupt.js";
import type { StackContext } from "./stack.js";

/** Names the policy pack that Pulumi holds previews and updates against; a list in CSV. */
export const policyPackVariable = "PULUMI_OPTION_POLICY_PACK";

/** The same, and no rule stands in the way: for what is only recorded, or is to go. */
export function withoutPolicies(pulumi: Pulumi): Pulumi {
  const { [policyPackVariable]: _pack, ...env } = pulumi.env;
  return { ...pulumi, env };
}

/** How to run Pulumi for one stack. */
export interface Pulumi {
  executable: string;
  env: Record<string, string>;
  stack: StackContext;
}

/**
 * Runs `pulumi up` or `pulumi destroy` without questions, reporting each step of a resource. Where a policy pack is in
 * use, a preview comes before `up`: what breaks a rule is refused before anything is made, not in the middle.
 * @param report called with what is going on now, e.g. "creating hcloud:Server shop-1"
 * @param options further ones of Pulumi, e.g. `["--refresh"]`
 * @throws CliError with Pulumi's own diagnostics when it fails
 */
export async function runOperation(
  pulumi: Pulumi,
  operation: "up" | "destroy",
  report: (message: string) => void,
  options: readonly string[] = [],
): Promise<Changes> {
  if (operation === "up" && policyPackVariable in pulumi.env) {
    report("checking what would change against the policies");
    await runEngine(pulumi, ["preview", ...options], () => undefined, "Nothing was changed.");
  }
  return runEngine(
    pulumi,
    [operation, "--yes", "--skip-preview", ...options],
    report,
    "What was done is kept.",
  );
}

/** Runs one command of Pulumi's engine. @param kept what is left of it when it fails, as a sentence */
async function runEngine(
  pulumi: Pulumi,
  command: readonly string[],
  report: (message: string) => void,
  kept: string,
): Promise<Changes> {
  const [operation] = command;
  await mkdir(pulumi.stack.directory, { recursive: true, mode: 0o700 });
  const errors: string[] = [];
  let changes: Changes = {};
  let refused = false;
  const onEvent = (event: EngineEvent) => {
    const step = describeStep(event);
    if (step !== undefined) report(step);
    const error = describeError(event);
    if (error !== undefined) errors.push(error);
    refused ||= breaksPolicy(event) && operation === "preview";
    if (event.summaryEvent) changes = event.summaryEvent.resourceChanges;
  };
  const stopping = { interrupted: false };
  const result = await followEvents(pulumi.stack.directory, onEvent, (path) => {
    const running = execa(pulumi.executable, [...command, "--non-interactive", "--event-log", path], {
      cwd: projectRoot,
      // --event-log is one of the flags that Pulumi offers only under this name.
      env: { ...pulumi.env, PULUMI_DEBUG_COMMANDS: "true" },
      reject: false,
      all: true,
      stdin: "ignore",
      // In a process group of its own: Ctrl-C reaches it through us, once. Twice would mean "at once" to it.
      detached: true,
    });
    const onInterrupt = (times: number) => {
      stopping.interrupted = true;
      running.kill(times < 3 ? "SIGINT" : "SIGKILL");
      report(
        times === 1
          ? "stopping: what is under way is finished or undone (Ctrl-C again: at once)"
          : "stopping at once",
      );
    };
    return interruptible(onInterrupt, () => running);
  });
  if (stopping.interrupted) {
    throw new CliError(
      `pulumi ${operation} was interrupted`,
      `${kept} Run the same command again: it goes on from there.`,
      ExitCode.interrupted,
    );
  }
  if (result.exitCode !== 0) {
    const told = errors.length > 0 ? errors.join("\n") : result.all.trim();
    const ended = result.signal === undefined ? "failed" : `was ended by ${result.signal}`;
    throw new CliError(
      `pulumi ${operation} ${ended}:\n${indent(stripVTControlCharacters(told))}`,
      `${kept} Correct the cause and run the same command again.`,
      refused ? ExitCode.refused : ExitCode.failed,
    );
  }
  return changes;
}

/** Creates the stack in its backend unless it exists. */
export async function ensureStack(pulumi: Pulumi): Promise<void> {
  const marker = join(
    pulumi.stack.directory,
    "backend",
    ".pulumi",
    "stacks",
    "dukaan",
    `${pulumi.stack.name}.json`,
  );
  if (pulumi.stack.local && existsSync(marker)) return;
  // `stack init` writes the encryption salt beside the Pulumi.yaml of its folder: the copy, never the checkout.
  const folder = pulumi.stack.local ? join(pulumi.stack.directory, "project") : projectRoot;
  // The name comes from the environment, as for every other command.
  await query(pulumi, ["stack", "select", "--create"], folder);
}

/** All outputs of the stack, secrets in the clear: hand on only what the caller asked for. */
export async function readOutputs(
  pulumi: Pulumi,
  options: { secrets: boolean },
): Promise<Record<string, unknown>> {
  const secrets = options.secrets ? ["--show-secrets"] : [];
  const stdout = await query(pulumi, ["stack", "output", "--json", ...secrets]);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** Runs one Pulumi command and returns what it printed. */
export async function query(pulumi: Pulumi, args: string[], cwd = projectRoot): Promise<string> {
  const result = await execa(pulumi.executable, [...args, "--non-interactive"], {
    cwd,
    env: pulumi.env,
    reject: false,
    stdin: "ignore",
  });
  if (result.exitCode !== 0) {
    throw new CliError(
      `pulumi ${args.join(" ")} failed:\n${indent(stripVTControlCharacters(result.stderr || result.stdout))}`,
      "If the stack is not there yet, `./dukaan up` makes it.",
    );
  }
  return result.stdout;
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "  ");
}
