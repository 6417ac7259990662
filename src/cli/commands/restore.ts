import { createInterface } from "node:readline/promises";
import { type Backup, backupsOf, chooseBackup, missingWal, type Timeline } from "../../backup/history.js";
import { AppMachines } from "../app-machines.js";
import { requireCredentials } from "../aws-stack.js";
import { keepBundle } from "../bundles.js";
import { DatabaseMachine, type Recovered } from "../database-machine.js";
import { CliError, ExitCode } from "../errors.js";
import { parseMoment } from "../moment.js";
import { ensureStack, readOutputs, runOperation } from "../pulumi.js";
import { removeStaleLocks } from "../recovery/lock.js";
import { recover as mend } from "../recovery/recover.js";
import { exportState, isServer, refresh } from "../recovery/state.js";
import { openSession, type Session } from "../session.js";
import { requireSettings } from "../settings.js";
import { type ShopOutputs, smokeTest } from "../shop.js";
import { openStack } from "../stack.js";
import { runSteps, type Step } from "../steps.js";
import { stopwatch } from "../stopwatch.js";
import { runByProvider, sshAccess, type SshAccess } from "./ssh.js";

interface RestoreOptions {
  stack: string;
  local?: boolean;
  at?: string;
  latest?: boolean;
  timeline?: string;
  acceptGap?: boolean;
  yes?: boolean;
  json?: boolean;
}

interface Progress {
  session?: Session;
  /** The machine was gone, so the database on it now is an empty one. */
  anew?: boolean;
  app?: AppMachines;
  machine?: DatabaseMachine;
  timeline?: Timeline;
  backup?: Backup;
  /** The WAL file at which a recovery from that backup would end too early. */
  missing?: string | undefined;
  /** Where the database that was there is kept; empty when there was none of value. */
  aside?: string;
  recovered?: Recovered;
  shop?: ShopOutputs;
}

/**
 * Brings the database back to a moment, onto the machine that is there or onto a new one when it is gone. Can be repeated
 * after an interruption; nothing is stopped before it is known that the moment can be restored.
 */
export async function restore(options: RestoreOptions): Promise<void> {
  const elapsed = stopwatch();
  const at = momentOf(options);
  const timeline = timelineOf(options.timeline);
  const stack = await openStack(options.stack, options);
  const { joining, managed } = await requireSettings(stack);
  if (managed) throw runByProvider("postgresql");
  if (joining !== undefined) {
    throw new CliError(
      `the database is on its way to stage ${joining}: its standby would not follow it back in time`,
      `Undo that first: ./dukaan evolve ${joining} --abort`,
      ExitCode.refused,
    );
  }
  await confirm(options, at);
  let sinceClosed = elapsed;
  let seconds = { total: 0, closed: 0 };
  const steps: Step<Progress>[] = [
    {
      title: "Machine",
      run: async (context, report, retitle) => {
        await requireCredentials(stack);
        context.session = await openSession({ ...options, startCloud: true }, report);
        context.anew = await ensureMachine(context.session, report);
        retitle(context.anew ? "Machine made anew, with an empty database" : "Machine is there");
        const access = await sshAccess(context.session);
        context.app = new AppMachines(access);
        context.machine = new DatabaseMachine(access);
      },
    },
    {
      title: "Backup to start from",
      run: async (context, _report, retitle) => {
        const machine = context.machine!;
        const backups = await machine.backups();
        if (backups.length === 0) throw nothingThere();
        context.timeline = await machine.timeline(timeline);
        const backup = chooseBackup(context.timeline, backups, at);
        if (!backup) throw tooEarly(at!, context.timeline, backups);
        context.missing = missingWal(context.timeline, backup, await machine.archivedWal());
        if (context.missing !== undefined && at === undefined && !options.acceptGap)
          throw incomplete(context.missing, "nothing was changed");
        await machine.restoreStep("room", String(backup.databaseBytes));
        context.backup = backup;
        retitle(`Backup to start from: ${backup.type} of ${backup.stop.toISOString().slice(0, 19)}Z`);
      },
    },
    {
      title: "Shop and database stopped, the present database moved aside",
      run: async (context) => {
        sinceClosed = stopwatch();
        await context.app!.stop();
        context.aside = await context.machine!.restoreStep("begin");
      },
    },
    {
      title: "Backup copied",
      run: async ({ machine, backup, timeline: followed }) => {
        const target = at === undefined ? [] : [inPostgres(at)];
        await machine!.restoreStep("fetch", backup!.label, String(followed!.id), ...target);
      },
    },
    {
      title: "Recovered from WAL",
      run: async (context, _report, retitle) => {
        const { machine, missing } = context;
        let recovered = await machine!.recover();
        if (!recovered.reached) {
          // Either all that was archived happened before that moment, and is what is wanted; or some is missing.
          if (missing !== undefined && !options.acceptGap) throw incomplete(missing, "the shop is closed");
          recovered = { ...(await machine!.recover("anyway")), reached: false };
        }
        context.recovered = recovered;
        retitle(`Recovered from WAL: last transaction at ${recovered.restoredTo ?? "the backup"}`);
      },
    },
    {
      title: "Shop open",
      run: async (context) => {
        await context.machine!.restoreStep("finish");
        await context.app!.start();
        context.shop = (await readOutputs(context.session!.pulumi, {
          secrets: false,
        })) as unknown as ShopOutputs;
        await smokeTest(context.shop, 60);
        seconds = { total: elapsed(), closed: sinceClosed() };
      },
    },
    {
      title: "New backup",
      run: async (context) => {
        const { machine, anew, aside } = context as Required<Progress>;
        await machine.backUp("diff");
        if (!anew || aside === "") return;
        await machine.run(["rm", "-r", aside]);
        context.aside = "";
      },
    },
  ];
  const { shop, recovered, aside, backup, machine } = (await runSteps<Progress>(
    {},
    steps,
  )) as Required<Progress>;
  if (options.json) {
    const result = { url: shop.url, at, backup: backup.label, ...recovered, aside, seconds };
    process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
    return;
  }
  process.stdout.write(
    [
      "",
      `Your shop is open again: ${shop.url}   (${seconds.total.toFixed(1)} s; closed for ${seconds.closed.toFixed(1)} s)`,
      `Its last transaction is of ${recovered.restoredTo ?? backup.stop.toISOString()}.`,
      ...(aside === ""
        ? []
        : [
            `The database that was there is kept in ${aside}; when nobody needs it: ./dukaan ssh ${machine.name} -- rm -r ${aside}`,
          ]),
      "",
    ].join("\n"),
  );
}

/** @throws CliError (usage) */
function momentOf({ at, latest }: RestoreOptions): Date | undefined {
  if (at !== undefined && !latest) return parseMoment("--at", at, new Date());
  if (at === undefined && latest) return undefined;
  throw new CliError(
    at === undefined ? "it is not said which moment to restore" : "--at and --latest are both given",
    "Say --at 2026-01-31T12:00:00Z, or --latest for all that was backed up. What there is: ./dukaan backup --list",
    ExitCode.usage,
  );
}

function timelineOf(text: string | undefined): number | undefined {
  if (text === undefined || /^[1-9]\d{0,8}$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new CliError(`--timeline is "${text}"`, "Give a whole number from 1.", ExitCode.usage);
}

async function confirm({ yes, stack }: RestoreOptions, at: Date | undefined): Promise<void> {
  if (yes) return;
  const moment = at === undefined ? "the last that was backed up" : at.toISOString();
  const what = `this closes the shop of stack "${stack}" and replaces its database by that of ${moment}`;
  if (!process.stdin.isTTY) {
    throw new CliError(what, "Say --yes if that is what you want.", ExitCode.refused);
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(
    `${what}. What was written since is kept aside on the machine.\nGo on? (yes/no) `,
  );
  terminal.close();
  if (answer.trim() !== "yes")
    throw new CliError("nothing was changed", "Type yes to go on.", ExitCode.refused);
}

/** Runs `up` when a machine is gone or incomplete. @returns whether the database's was gone: what is on it now is new */
async function ensureMachine(session: Session, report: (message: string) => void): Promise<boolean> {
  const { pulumi, stack } = session;
  if (await removeStaleLocks(stack)) report("removed the lock of a run that was killed");
  await ensureStack(pulumi);
  await mend(session, report);
  const before = await serversOf(session);
  let left = before;
  if (before.length > 0) {
    report("asking the cloud whether the servers are there");
    await refresh(pulumi, before);
    left = await serversOf(session);
    if (left.length === before.length && (await areComplete(await sshAccess(session)))) return false;
  }
  await keepBundle();
  await runOperation(pulumi, "up", report);
  const [database] = (await sshAccess(session)).services["postgresql"] ?? [];
  // What is on a volume outlives the server.
  if ((await requireSettings(stack)).databaseVolume !== undefined) return false;
  return !left.some((urn) => urn.endsWith(`::${database}`));
}

async function areComplete(access: SshAccess): Promise<boolean> {
  return (await new DatabaseMachine(access).isComplete()) && (await new AppMachines(access).areComplete());
}

async function serversOf({ pulumi }: Session): Promise<string[]> {
  const { deployment } = await exportState(pulumi);
  return (deployment.resources ?? []).filter(isServer).map(({ urn }) => urn);
}

/** "2026-01-31 12:00:00.000+00" */
function inPostgres(moment: Date): string {
  return moment.toISOString().replace("T", " ").replace("Z", "+00");
}

function nothingThere(): CliError {
  return new CliError(
    "there is no backup to restore",
    "If the backups are elsewhere, correct dukaan:backup (bucket, path) and run it again.",
    ExitCode.precondition,
  );
}

function tooEarly(at: Date, timeline: Timeline, backups: Backup[]): CliError {
  const [oldest] = backupsOf(timeline, backups);
  return new CliError(
    oldest
      ? `${at.toISOString()} is before the oldest backup, which is complete since ${oldest.stop.toISOString()}`
      : `no backup leads to timeline ${timeline.id}`,
    `Nothing was changed. There are: ${backups.map(({ label, stop }) => `${label} (${stop.toISOString()})`).join(", ")}.`,
    ExitCode.usage,
  );
}

function incomplete(missing: string, state: string): CliError {
  return new CliError(
    `WAL is missing in the backups, from ${missing} on, before that moment; ${state}`,
    "Restore an earlier moment, or one after the next backup; or run the same command with --accept-gap to go as far as there is WAL.",
  );
}
