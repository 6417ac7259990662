import { createInterface } from "node:readline/promises";
import { topologyOf } from "../../../stacks/index.js";
import { drawChange, pictureOfChange } from "../../diagram/change.js";
import { describeEvolution, type Evolution, planEvolution, type Playbook } from "../../evolve/plan.js";
import type { Settings } from "../../settings/schema.js";
import { machineNamed } from "../../topology/topology.js";
import { builtStages, isBuilt, type Stage, stages } from "../../topology/stages.js";
import { refuseOnAws, requireCredentials } from "../aws-stack.js";
import { requireBudgetToEvolve } from "../budget.js";
import type { Carried } from "../database-copy.js";
import type { Switched } from "../database-switch.js";
import { CliError, ExitCode } from "../errors.js";
import { abortSteps } from "../evolution-abort.js";
import { finishSteps, moveSteps, type Progress } from "../evolution-steps.js";
import { type Loss, lossSteps } from "../evolution-loss.js";
import { readOutputs } from "../pulumi.js";
import { removeStaleLocks } from "../recovery/lock.js";
import { recover } from "../recovery/recover.js";
import { openSession } from "../session.js";
import { requireSettings } from "../settings.js";
import { type ShopOutputs, smokeTest } from "../shop.js";
import { openStack, type StackContext } from "../stack.js";
import { runSteps, type Step } from "../steps.js";
import { stopwatch } from "../stopwatch.js";

interface EvolveOptions {
  stack: string;
  local?: boolean;
  plan?: boolean;
  format?: "text" | "svg" | "mermaid" | "json";
  playbook?: Playbook;
  abort?: boolean;
  finish?: boolean;
  acceptDataLoss?: boolean;
  overBudget?: boolean;
  yes?: boolean;
  json?: boolean;
}

/**
 * Moves a stack that is up to another stage, data and all, while it is used. Interrupted, it goes on where it stopped
 * when it is called again: where that is can be read off the stack's settings and its machines.
 */
export async function evolve(name: string, options: EvolveOptions): Promise<void> {
  const elapsed = stopwatch();
  const to = stageNamed(name);
  const stack = await openStack(options.stack, options);
  if (options.acceptDataLoss)
    await refuseOnAws(
      stack,
      "evolve --accept-data-loss",
      "Bring up a second stack and restore a backup into it; what only the copy has, pg_dump takes off its machine (./dukaan ssh).",
    );
  const settings = await requireSettings(stack);
  requireSameWay(settings, options);
  requireOwnDatabase(settings, to);
  const evolution = planEvolution({ ...settings, stage: fromOf(settings, to) }, to, options.playbook);
  if (options.plan) {
    process.stdout.write(drawPlan(evolution, settings, options));
    return;
  }
  const { look, steps } = stepsFor(evolution, settings, options);
  if (!options.overBudget && !options.abort && !options.finish) requireBudgetToEvolve(settings, evolution);
  requireSomebody(stack, options);
  // What is lost is only known once both machines were asked.
  if (look.length === 0) await requireConsent(stack, textOfMove(evolution, options), options);
  const open: Step<Progress> = {
    title: "Tools and cloud",
    run: async (context, report) => {
      await requireCredentials(stack);
      context.session = await openSession({ ...options, startCloud: true }, report);
      // In the middle of a move its machines are asked before Pulumi is, so they have to run.
      if (settings.joining === undefined && settings.leaving === undefined) return;
      if (await removeStaleLocks(stack)) report("removed the lock of a run that was killed");
      await recover(context.session, report);
    },
  };
  const context = await runSteps<Progress>({}, [open, ...look]);
  if (context.loss) await requireConsent(stack, textOfLoss(context.loss, evolution, settings), options);
  const progress = await runSteps(context, [...steps, shopAnswers]);
  const { shop, switched, carried, loss } = progress as Required<Progress>;
  const seconds = elapsed();
  const { url, stage } = shop;
  if (options.json) {
    const result = { url, stage, ...switched, ...carried, lost: progress.loss?.told, seconds };
    process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
    return;
  }
  process.stdout.write(`\n${summary(evolution, options, { shop, switched, carried, loss, seconds })}\n`);
}

function drawPlan(evolution: Evolution, settings: Settings, { json, format }: EvolveOptions): string {
  const wanted = format ?? (json ? "json" : "text");
  if (wanted === "text") return describeEvolution(evolution);
  if (wanted === "json") return `${JSON.stringify(evolution, undefined, 2)}\n`;
  const { joining: _joining, leaving: _leaving, playbook: _playbook, ...plain } = settings;
  const at = (stage: Stage) => topologyOf({ ...plain, stage });
  return drawChange[wanted](pictureOfChange(at(evolution.from), at(evolution.to)));
}

/** What is looked at before somebody is asked, and what is done. */
function stepsFor(
  evolution: Evolution,
  settings: Settings,
  options: EvolveOptions,
): { look: Step<Progress>[]; steps: Step<Progress>[] } {
  if (options.abort) return { look: [], steps: abortSteps(evolution, settings, options) };
  if (options.finish) return { look: [], steps: finishSteps(evolution, settings) };
  if (options.acceptDataLoss) return lossSteps(evolution, settings);
  return { look: [], steps: moveSteps(evolution, settings) };
}

const shopAnswers: Step<Progress> = {
  title: "Shop answers",
  run: async (context) => {
    context.shop = (await readOutputs(context.session!.pulumi, { secrets: false })) as unknown as ShopOutputs;
    await smokeTest(context.shop, 30);
  },
};

/** A database that the provider runs stays with it. @throws CliError (refused) */
function requireOwnDatabase({ managed }: Settings, to: Stage): void {
  if (!managed || to !== "droplet") return;
  throw new CliError(
    "AWS runs this stack's database (dukaan:managed), and at stage droplet the shop's one server would",
    "Bring up a second stack at stage droplet and load a dump into it.",
    ExitCode.refused,
  );
}

/** A move that is under way goes on by the way that it began with. @throws CliError (usage) */
function requireSameWay({ joining, playbook = "standby" }: Settings, options: EvolveOptions): void {
  if (joining === undefined || options.playbook === undefined || options.playbook === playbook) return;
  throw new CliError(
    `the move to ${joining} that is under way goes by --playbook ${playbook}`,
    `Go on with ./dukaan evolve ${joining}, or undo it first: ./dukaan evolve ${joining} --abort`,
    ExitCode.usage,
  );
}

/** The stage that it began at, also when most of the way is done. */
function fromOf({ stage, leaving }: Settings, to: Stage): Stage {
  return stage === to && leaving !== undefined ? leaving : stage;
}

/** @throws CliError (usage) */
function stageNamed(name: string): Stage {
  const stage = stages.find((known) => known === name);
  if (stage !== undefined && isBuilt(stage)) return stage;
  throw new CliError(
    stage === undefined ? `there is no stage "${name}"` : `stage ${name} is not built yet`,
    `Use ${builtStages.join(" or ")}.`,
    ExitCode.usage,
  );
}

/** @throws CliError (refused) when nobody could be asked */
function requireSomebody(stack: StackContext, { yes }: EvolveOptions): void {
  if (stack.local || yes || process.stdin.isTTY) return;
  throw new CliError(
    "this stack is on a real cloud, and nobody is here to confirm the move",
    "Run it on a terminal, or say --yes.",
    ExitCode.refused,
  );
}

function textOfMove(evolution: Evolution, { abort, acceptDataLoss }: EvolveOptions): string {
  const { moves } = evolution;
  if (!moves || !abort || !acceptDataLoss) return describeEvolution(evolution);
  return `The server of ${moves.to} is lost: ${moves.from} goes on with what it has. Orders that ${moves.to} alone took are lost.\n`;
}

/** What is accepted, in the words of what was found. */
function textOfLoss({ old, told }: Loss, { moves }: Evolution, settings: Settings): string {
  const { hostname: server } = machineNamed(topologyOf(settings), moves!.from);
  const then = {
    silent: `The server of ${server} does not answer: it is deleted, with its disk.`,
    stopped: `The database of ${server} does not start: it is ended for good.`,
    none: `${server} has no database.`,
  };
  return `${told}.\n${then[old]}\n`;
}

/** @param text what is asked for */
async function requireConsent(stack: StackContext, text: string, { yes }: EvolveOptions): Promise<void> {
  if (stack.local || yes) return;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${text}\nGo on? (yes/no) `);
  terminal.close();
  if (answer.trim() !== "yes")
    throw new CliError("nothing was changed", "Type yes to go on.", ExitCode.refused);
}

function summary(
  { from, to, moves, entry }: Evolution,
  { abort, finish }: EvolveOptions,
  {
    shop,
    switched,
    carried,
    loss,
    seconds,
  }: { shop: ShopOutputs; switched?: Switched; carried?: Carried; loss?: Loss; seconds: number },
): string {
  if (abort) return `The stack is at stage ${from} again: ${shop.url}`;
  if (finish) return `Nothing of stage ${from} is left. The shop: ${shop.url}`;
  return [
    `Your shop is at stage ${to}: ${shop.url}   (${seconds.toFixed(1)} s)`,
    ...(switched
      ? [`Queries waited for ${(switched.pausedMillis / 1000).toFixed(2)} s; none was refused.`]
      : []),
    ...(carried ? [`It was closed for ${(carried.closedMillis / 1000).toFixed(1)} s.`] : []),
    ...(loss ? [loss.told] : []),
    ...(moves && !loss
      ? [
          `The old database is kept on ${moves.from}, stopped. When nobody needs it: ./dukaan evolve ${to} --finish`,
        ]
      : []),
    ...(entry
      ? [
          `The address of ${entry.from} leads to it as well. When nobody comes there any more: ./dukaan evolve ${to} --finish`,
        ]
      : []),
  ].join("\n");
}
