import { type Backup, backupsOf, missingWal } from "../../backup/history.js";
import { type BackupState, DatabaseMachine } from "../database-machine.js";
import { CliError, ExitCode } from "../errors.js";
import { openSession } from "../session.js";
import { openStack, writtenSettings } from "../stack.js";
import { runSteps } from "../steps.js";
import { runByProvider, type SshAccess, sshAccess } from "./ssh.js";

interface BackupOptions {
  stack: string;
  local?: boolean;
  list?: boolean;
  full?: boolean;
  json?: boolean;
}

/** Makes a backup now, or says which there are and what can be restored. */
export async function backup(options: BackupOptions): Promise<void> {
  const { "dukaan:managed": managed } = await writtenSettings(await openStack(options.stack, options));
  if (String(managed) === "true") throw runByProvider("postgresql");
  const machine = new DatabaseMachine(await sshAccess(await openSession(options)));
  if (!options.list) await makeOne(machine, options.full ? "full" : "diff");
  await list(machine, options);
}

async function makeOne(machine: DatabaseMachine, type: "full" | "diff"): Promise<void> {
  requireBackups(await machine.backupState({ repository: false }));
  await runSteps({}, [
    {
      title: `${type === "full" ? "Full" : "Differential"} backup`,
      run: async () => machine.backUp(type),
    },
  ]);
}

async function list(machine: DatabaseMachine, { json, stack }: BackupOptions): Promise<void> {
  const state = await machine.backupState({ repository: true });
  const backups = await machine.backups();
  const timeline = backups.length === 0 ? undefined : await machine.timeline(undefined);
  const [oldest] = timeline ? backupsOf(timeline, backups) : [];
  const missing = timeline && oldest && missingWal(timeline, oldest, await machine.archivedWal());
  if (json) {
    const { repository: _, ...about } = state;
    const result = {
      ...about,
      timeline: timeline?.id,
      restorableFrom: oldest?.stop,
      missingWal: missing,
      backups: backups.map((each) => ({ ...each, stopLsn: undefined })),
    };
    process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
    return;
  }
  process.stdout.write(
    [
      `Backups of ${stack}: ${describeState(state)}`,
      ...backups.map(describe),
      oldest
        ? `Every moment since ${oldest.stop.toISOString()} can be restored: ./dukaan restore --at <time>`
        : "Nothing can be restored yet.",
      ...(missing === undefined
        ? []
        : [`Except those between WAL file ${missing}, which is missing, and the next backup.`]),
      "",
    ].join("\n"),
  );
}

/** What must be said of a stack's backups, if anything: that none are made beside another database's. */
export async function backupWarning(access: SshAccess): Promise<string | undefined> {
  // The provider's own, where it runs the database.
  if (access.services["postgresql"]?.length === 0) return undefined;
  const { state } = await new DatabaseMachine(access).backupState({ repository: false });
  return state === "paused" ? `${pausedReason}.\n${pausedRemedy}` : undefined;
}

/** @throws CliError (precondition) when none can be made */
function requireBackups(state: BackupState): void {
  if (state.state === "on") return;
  throw new CliError(
    state.state === "off" ? "this stack makes no backups (dukaan:backup)" : pausedReason,
    state.state === "off" ? "Set dukaan:backup and run ./dukaan up." : pausedRemedy,
    ExitCode.precondition,
  );
}

const pausedReason =
  "backups are paused: the repository holds those of another database, and this one is empty beside it";
const pausedRemedy =
  "Bring that database back with ./dukaan restore --latest, or begin anew with another folder (dukaan:backup.path) and ./dukaan up.";

function describeState({ state, gap, archiver, failed }: BackupState): string {
  if (state === "off") return "off";
  if (state === "paused") return pausedReason;
  const lastSent = archiver?.lastSent == null ? "never" : ago(new Date(archiver.lastSent));
  return [
    `on; WAL last sent ${lastSent}`,
    ...(archiver && archiver.waiting > 1 ? [`${archiver.waiting} pieces of WAL wait`] : []),
    ...(gap ? ["WAL was given up: the next backup closes the gap"] : []),
    ...failed.map((unit) => `${unit} failed`),
  ].join("; ");
}

function describe({ label, type, stop, databaseBytes, repositoryBytes }: Backup): string {
  const sizes = `${megabytes(databaseBytes)} of database, ${megabytes(repositoryBytes)} stored`;
  return `  ${type.padEnd(4)}  ${stop.toISOString().slice(0, 19)}Z  ${sizes.padEnd(44)}  ${label}`;
}

function ago(moment: Date): string {
  const seconds = Math.max(0, Math.round((Date.now() - moment.getTime()) / 1000));
  return seconds < 120 ? `${seconds} s ago` : `${Math.round(seconds / 60)} min ago`;
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
