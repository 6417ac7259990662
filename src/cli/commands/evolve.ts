import { createInterface } from "node:readline/promises";
import { describeEvolution, type Evolution, planEvolution } from "../../evolve/plan.js";
import type { Settings } from "../../settings/schema.js";
import { builtStages, isBuilt, type Stage, stages } from "../../topology/stages.js";
import { machineNamed } from "../../topology/topology.js";
import { topologyOf } from "../../../stacks/index.js";
import { DatabaseMachine } from "../database-machine.js";
import { DatabaseSide, switchDatabase, type Switched } from "../database-switch.js";
import { CliError, ExitCode } from "../errors.js";
import { upAtStage } from "../evolution.js";
import { readOutputs } from "../pulumi.js";
import { openSession, type Session } from "../session.js";
import { requireSettings } from "../settings.js";
import { type ShopOutputs, smokeTest } from "../shop.js";
import { openStack, type StackContext } from "../stack.js";
import { runSteps, type Step } from "../steps.js";
import { keepConnections, type SshAccess, sshAccess } from "./ssh.js";

interface EvolveOptions {
  stack: string;
  local?: boolean;
  plan?: boolean;
  abort?: boolean;
  finish?: boolean;
  yes?: boolean;
  json?: boolean;
}

interface Progress {
  session?: Session;
  switched?: Switched;
  shop?: ShopOutputs;
}

/**
 * Moves a stack that is up to another stage, data and all, while it is used. Interrupted, it goes on where it stopped
 * when it is called again: where that is can be read off the stack's settings and its machines.
 */
export async function evolve(name: string, options: EvolveOptions): Promise<void> {
  const started = Date.now();
  const to = stageNamed(name);
  const stack = await openStack(options.stack, options);
  const settings = await requireSettings(stack);
  const evolution = planEvolution({ ...settings, stage: fromOf(settings, to) }, to);
  if (options.plan) {
    process.stdout.write(
      options.json ? `${JSON.stringify(evolution, undefined, 2)}\n` : describeEvolution(evolution),
    );
    return;
  }
  await requireConsent(stack, evolution, options);
  const steps = options.abort
    ? abortSteps(evolution, settings)
    : options.finish
      ? finishSteps(evolution, settings)
      : moveSteps(evolution, settings);
  const open: Step<Progress> = {
    title: "Tools and cloud",
    run: async (context, report) => {
      context.session = await openSession({ ...options, startCloud: true }, report);
    },
  };
  const { shop, switched } = (await runSteps<Progress>({}, [
    open,
    ...steps,
    shopAnswers,
  ])) as Required<Progress>;
  const seconds = (Date.now() - started) / 1000;
  const { url, stage } = shop;
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ url, stage, ...switched, seconds }, undefined, 2)}\n`);
    return;
  }
  process.stdout.write(`\n${told(evolution, options, { shop, switched, seconds })}\n`);
}

/** From backup to backup; what is done already is passed over. */
function moveSteps(evolution: Evolution, settings: Settings): Step<Progress>[] {
  const { from, to, moves } = evolution;
  if (settings.stage === to && settings.leaving === undefined) {
    throw new CliError(`the stack is at stage ${to}`, "There is nothing to do.", ExitCode.usage);
  }
  if (settings.joining !== undefined && settings.joining !== to) {
    throw new CliError(
      `the stack is on its way from ${from} to ${settings.joining}`,
      `Finish that with ./dukaan evolve ${settings.joining}, or undo it with ./dukaan evolve ${settings.joining} --abort.`,
      ExitCode.refused,
    );
  }
  if (settings.leaving !== undefined && settings.stage !== to) {
    throw new CliError(
      `what was kept of stage ${settings.leaving} is still there`,
      `Remove it first: ./dukaan evolve ${settings.stage} --finish`,
      ExitCode.refused,
    );
  }
  const last = upStep(`Stage ${to} (pulumi up)`, evolution.settings.after);
  const backUp: Step<Progress> = {
    title: "Backup of the database where it is now",
    run: async ({ session }) => {
      const machine = new DatabaseMachine(await sshAccess(session!));
      if ((await machine.backupState({ repository: false })).state === "on") await machine.backUp("diff");
    },
  };
  if (!moves || settings.stage === to) return [last, backUp];
  return [
    ...(settings.joining === undefined ? [backUp] : []),
    followStep(evolution, settings),
    {
      title: "Database switched",
      run: async (context, report, retitle) => {
        const access = await keepConnections(await sshAccess(context.session!));
        try {
          context.switched = await switchDatabase({ ...sidesOf(evolution, settings, access), report });
        } finally {
          await access.close();
        }
        const { pausedMillis, tables } = context.switched;
        retitle(
          `Database switched: queries waited for ${(pausedMillis / 1000).toFixed(2)} s, ${tables ?? "no"} tables compared`,
        );
      },
    },
    last,
    backUp,
  ];
}

/** Back to the stage before, as long as the other database has not taken over. */
function abortSteps(evolution: Evolution, settings: Settings): Step<Progress>[] {
  const { from, to } = evolution;
  if (settings.joining !== to) {
    throw new CliError(
      `nothing is on its way to ${to}`,
      settings.leaving === undefined
        ? "There is nothing to undo."
        : `The database has moved. To go back: ./dukaan evolve ${to} --finish, then ./dukaan evolve ${from}.`,
      ExitCode.refused,
    );
  }
  return [
    {
      title: "The other database has not taken over",
      run: async ({ session }) => {
        const { source, target } = sidesOf(evolution, settings, await sshAccess(session!));
        // First the other one is gone for good, which it refuses once it was asked to take over; then the old one may
        // accept writes again.
        if (await target.exists()) await target.step("forget");
        const status = await source.status();
        if (status.state === "fenced") await source.step("unfence", status.by);
      },
    },
    upStep(`Stage ${from} (pulumi up)`, { stage: from }),
  ];
}

/** Removes what was kept of the stage before. */
function finishSteps(evolution: Evolution, settings: Settings): Step<Progress>[] {
  const { from, to, moves } = evolution;
  if (settings.stage !== to || settings.leaving !== from) {
    throw new CliError(
      `nothing is kept of a stage before ${to}`,
      "There is nothing to finish.",
      ExitCode.refused,
    );
  }
  return [
    {
      title: `The old database of ${moves?.from ?? from} is removed`,
      run: async ({ session }) => {
        if (moves) await new DatabaseSide(await sshAccess(session!), moves.from).step("forget");
      },
    },
    upStep(`Stage ${to}, nothing else (pulumi up)`, evolution.settings.finished),
  ];
}

const shopAnswers: Step<Progress> = {
  title: "Shop answers",
  run: async (context) => {
    context.shop = (await readOutputs(context.session!.pulumi, { secrets: false })) as unknown as ShopOutputs;
    await smokeTest(context.shop, 30);
  },
};

function upStep(title: string, settings: Evolution["settings"]["during"]): Step<Progress> {
  return { title, run: async ({ session }, report) => upAtStage(session!, settings, report) };
}

/** Once the old database was ended, an `up` would only try to bring it back. */
function followStep(evolution: Evolution, settings: Settings): Step<Progress> {
  const { from, to } = evolution.moves!;
  return {
    title: `${to} follows the database of ${from} (pulumi up)`,
    run: async ({ session }, report, retitle) => {
      if (settings.joining !== undefined) {
        const { source } = sidesOf(evolution, settings, await sshAccess(session!));
        if ((await source.status()).state === "fenced") {
          retitle(`${to} follows the database of ${from}, which has ended`);
          return;
        }
      }
      await upAtStage(session!, evolution.settings.during, report);
    },
  };
}

/** Both databases, and what the pools need to find the new one. */
function sidesOf({ moves, settings }: Evolution, current: Settings, access: SshAccess) {
  if (!moves) throw new Error("the database does not move");
  const during = topologyOf({ ...current, ...settings.during });
  const after = topologyOf({ ...current, ...settings.after });
  const pools = after.services.find(({ name }) => name === "pgbouncer")?.machines ?? [];
  // A pool on the database's own machine reaches it over its socket.
  const host = pools.includes(moves.to) ? "/run/postgresql" : machineNamed(during, moves.to).privateAddress;
  return {
    access,
    source: new DatabaseSide(access, moves.from),
    target: new DatabaseSide(access, moves.to),
    host,
    pools,
  };
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

async function requireConsent(
  stack: StackContext,
  evolution: Evolution,
  { yes }: EvolveOptions,
): Promise<void> {
  if (stack.local || yes) return;
  if (!process.stdin.isTTY) {
    throw new CliError(
      "this stack is on a real cloud, and nobody is here to confirm the move",
      "Run it on a terminal, or say --yes.",
      ExitCode.refused,
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${describeEvolution(evolution)}\nGo on? (yes/no) `);
  terminal.close();
  if (answer.trim() !== "yes")
    throw new CliError("nothing was changed", "Type yes to go on.", ExitCode.refused);
}

function told(
  { from, to, moves }: Evolution,
  { abort, finish }: EvolveOptions,
  { shop, switched, seconds }: { shop: ShopOutputs; switched?: Switched; seconds: number },
): string {
  if (abort) return `The stack is at stage ${from} again: ${shop.url}`;
  if (finish) return `Nothing of stage ${from} is left. The shop: ${shop.url}`;
  return [
    `Your shop is at stage ${to}: ${shop.url}   (${seconds.toFixed(1)} s)`,
    ...(switched
      ? [`Queries waited for ${(switched.pausedMillis / 1000).toFixed(2)} s; none was refused.`]
      : []),
    ...(moves
      ? [
          `The old database is kept on ${moves.from}, stopped. When nobody needs it: ./dukaan evolve ${to} --finish`,
        ]
      : []),
  ].join("\n");
}
