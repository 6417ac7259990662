import type { Evolution, StepName } from "../evolve/plan.js";
import type { Settings } from "../settings/schema.js";
import { machineNamed } from "../topology/topology.js";
import { topologyOf } from "../../stacks/index.js";
import { keepConnections, type SshAccess, sshAccess } from "./commands/ssh.js";
import { type Carried, carryDatabase } from "./database-copy.js";
import { type Follow, putBack, untilFollows } from "./database-follow.js";
import { DatabaseMachine } from "./database-machine.js";
import { DatabaseSide, hasDatabase, MachineSteps } from "./database-side.js";
import { switchDatabase, type Switched } from "./database-switch.js";
import { CliError, ExitCode } from "./errors.js";
import type { Loss } from "./evolution-loss.js";
import { hasServer, leftBeside, upAtStage } from "./evolution.js";
import { interruptible } from "./interrupt.js";
import type { Session } from "./session.js";
import type { ShopOutputs } from "./shop.js";
import type { Step } from "./steps.js";

/** What the steps of an evolution hand on. */
export interface Progress {
  session?: Session;
  switched?: Switched;
  carried?: Carried;
  /** What was found of a database that is said to be lost. */
  loss?: Loss;
  shop?: ShopOutputs;
}

/** From backup to backup; what is done already is passed over. */
export function moveSteps(evolution: Evolution, settings: Settings): Step<Progress>[] {
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
  // Cut off while its last settings were written, a move goes on.
  if (settings.leaving !== undefined && settings.stage !== to && settings.joining !== to) {
    throw new CliError(
      `what was kept of stage ${settings.leaving} is still there`,
      `Remove it first: ./dukaan evolve ${settings.stage} --finish`,
      ExitCode.refused,
    );
  }
  if (moves && evolution.entry) {
    throw new CliError(
      `from ${from} to ${to} both the database and the public's way in would move`,
      "One at a time, each with its --finish: ./dukaan evolve split comes between.",
      ExitCode.refused,
    );
  }
  const backsUp = evolution.steps.some(({ name }) => name === "backup-after");
  const settled = [settleStep(evolution), ...(backsUp ? [backupStep(evolution, "backup-after")] : [])];
  if (!moves || settings.stage === to) return settled;
  return [
    ...(settings.joining === undefined ? [backupStep(evolution, "backup")] : []),
    followStep(evolution, settings),
    evolution.playbook === "book" ? carryStep(evolution, settings) : switchStep(evolution, settings),
    ...settled,
  ];
}

/** The stack is what its new stage says. */
export function settleStep(evolution: Evolution): Step<Progress> {
  return upStep(saidAt(evolution, "settle"), evolution.settings.after);
}

export function backupStep(evolution: Evolution, name: "backup" | "backup-after"): Step<Progress> {
  return {
    title: saidAt(evolution, name),
    run: async ({ session }) => {
      const machine = new DatabaseMachine(await sshAccess(session!));
      if ((await machine.backupState({ repository: false })).state === "on") await machine.backUp("diff");
    },
  };
}

function followStep(evolution: Evolution, settings: Settings): Step<Progress> {
  const title = saidAt(evolution, "follow");
  const { from, to } = evolution.moves!;
  return {
    title,
    run: async ({ session }, report, retitle) => {
      if (settings.joining !== undefined) {
        const access = await sshAccess(session!);
        // Once the old database was ended, an `up` would only try to bring it back.
        const follow = { ...sidesOf(evolution, settings, access), report };
        if (evolution.playbook === "book") {
          const { state } = await follow.source.status();
          // A server that the cloud no longer has is made anew; nothing of the old database changes by that.
          const lost = !(await hasServer(session!, to));
          if (state === "fenced" || (state === "read-only" && !lost)) {
            retitle(`${to} is ready for the database of ${from}, which is ${state}`);
            return;
          }
        } else if (await putBack(follow)) {
          retitle(`${to} follows the database of ${from}, which has ended`);
          return;
        }
      }
      await upAtStage(session!, evolution.settings.during, report);
      if (evolution.playbook === "book") return;
      await untilFollows({ ...sidesOf(evolution, settings, await sshAccess(session!)), report });
    },
  };
}

function switchStep(evolution: Evolution, settings: Settings): Step<Progress> {
  return {
    title: "Database switched",
    run: async (context, report, retitle) => {
      const access = await keepConnections(await sshAccess(context.session!));
      const move = { ...sidesOf(evolution, settings, access), report };
      const wait = (times: number) =>
        times < 3 ? report("finishing the switch, which takes seconds") : process.exit(ExitCode.interrupted);
      try {
        context.switched = await interruptible(wait, () => switchDatabase(move));
      } finally {
        await access.close();
      }
      const { pausedMillis, comparedMillis, tables } = context.switched;
      const seconds = (millis: number) => (millis / 1000).toFixed(2);
      retitle(
        `Database switched: queries waited for ${seconds(pausedMillis)} s, before that ${seconds(comparedMillis)} s; ${tables ?? "no"} tables compared`,
      );
    },
  };
}

/** The book's way: the shop is closed meanwhile. */
function carryStep(evolution: Evolution, settings: Settings): Step<Progress> {
  return {
    title: "Database carried over",
    run: async (context, report, retitle) => {
      const access = await keepConnections(await sshAccess(context.session!));
      let interrupts = 0;
      let ending = false;
      const note = (times: number) => {
        interrupts = times;
        if (times >= 3) process.exit(ExitCode.interrupted);
        report(
          ending
            ? "the old database is ended: finishing, which takes seconds"
            : "going back to the old database as soon as this is done",
        );
      };
      const move = {
        ...sidesOf(evolution, settings, access),
        report,
        interrupted: () => interrupts > 0,
        ending: () => {
          ending = true;
        },
      };
      try {
        context.carried = await interruptible(note, () => carryDatabase(move));
      } finally {
        await access.close();
      }
      const { closedMillis, tables } = context.carried;
      retitle(
        `Database carried over: the shop was closed for ${(closedMillis / 1000).toFixed(1)} s; ${tables ?? "no"} tables compared`,
      );
    },
  };
}

/** Removes what was kept of the stage before. */
export function finishSteps(evolution: Evolution, settings: Settings): Step<Progress>[] {
  const { from, to, moves } = evolution;
  return [
    {
      title: moves ? `The old database of ${moves.from} is removed` : `Nothing of ${from} has data`,
      run: async ({ session }, _report, retitle) => {
        if (settings.joining !== undefined) {
          throw new CliError(
            `the stack is on its way to ${settings.joining}`,
            `Finish the move first: ./dukaan evolve ${settings.joining}`,
            ExitCode.refused,
          );
        }
        if (settings.stage !== to || settings.leaving === undefined) {
          if (settings.stage === to && (await leftBeside(session!, settings)).length > 0) {
            retitle("An earlier run was cut off while it removed what was kept");
            return;
          }
          throw new CliError(
            `nothing is kept of a stage before ${to}`,
            "There is nothing to finish.",
            ExitCode.refused,
          );
        }
        if (!moves || !(await hasServer(session!, moves.from))) return;
        const access = await sshAccess(session!);
        if (!(await hasDatabase(access, moves.from))) return;
        await removeOld({
          source: new DatabaseSide(access, moves.from),
          target: new DatabaseSide(access, moves.to),
        });
      },
    },
    upStep(`Stage ${to}, nothing of ${from} (pulumi up)`, evolution.settings.finished),
  ];
}

/** @throws CliError (refused) unless the database that has taken over answers: the old one is what is left otherwise */
export async function removeOld({ source, target }: Pick<Follow, "source" | "target">): Promise<void> {
  let { state } = await target.status();
  if (state === "stopped") {
    await target.step("start");
    ({ state } = await target.status());
  }
  if (state !== "primary") {
    throw new CliError(
      `the database of ${target.machine} is ${state}: the old one on ${source.machine} was not removed`,
      `Bring it back first: ./dukaan ssh ${target.machine} -- /usr/local/lib/dukaan/database status; docs/runbooks/restore.md`,
      ExitCode.refused,
    );
  }
  await source.step("forget");
}

export function upStep(title: string, settings: Evolution["settings"]["during"]): Step<Progress> {
  return { title, run: async ({ session }, report) => upAtStage(session!, settings, report) };
}

/** Both databases, and what the pools need to find the new one. */
export function sidesOf({ moves, settings }: Evolution, current: Settings, access: SshAccess) {
  if (!moves) throw new Error("the database does not move");
  const during = topologyOf({ ...current, ...settings.during });
  const after = topologyOf({ ...current, ...settings.after });
  const running = (service: string) => after.services.find(({ name }) => name === service)?.machines ?? [];
  const machines = running("pgbouncer");
  const stepsOn = (names: readonly string[], program: MachineSteps["program"]) =>
    names
      .filter((name) => access.targets[name] !== undefined)
      .map((name) => new MachineSteps(access, name, program));
  const addressOf = (name: string) => machineNamed(during, name).privateAddress;
  return {
    source: new DatabaseSide(access, moves.from),
    target: new DatabaseSide(access, moves.to),
    pools: stepsOn(machines, "pool"),
    // A pool on the database's own machine reaches it over its socket.
    host: machines.includes(moves.to) ? "/run/postgresql" : addressOf(moves.to),
    fronts: stepsOn(running("api"), "maintenance"),
    copying: {
      source: new MachineSteps(access, moves.from, "copy-database"),
      target: new MachineSteps(access, moves.to, "copy-database"),
    },
    sourceAddress: addressOf(moves.from),
    copyAnew: () => new MachineSteps(access, moves.to, "become-standby").step(addressOf(moves.from), "anew"),
  };
}

function saidAt({ steps }: Evolution, name: StepName): string {
  const step = steps.find((known) => known.name === name);
  if (!step) throw new Error(`the plan has no step ${name}`);
  return step.says;
}
