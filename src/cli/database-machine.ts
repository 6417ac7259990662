import {
  type Backup,
  type PgBackRestInfo,
  readBackups,
  readTimeline,
  type Timeline,
} from "../backup/history.js";
import { askMachine, lostSoon, machinesRunning, runOnMachine, type SshAccess } from "./commands/ssh.js";
import { CliError } from "./errors.js";

/** How the backups of a machine are; what /usr/local/lib/dukaan/backup-state prints. */
export interface BackupState {
  /** "paused": the repository holds another database's backups; "off": none are made. */
  state: "on" | "paused" | "off";
  /** WAL was given up because the storage did not answer for too long, and no backup was made since. */
  gap: boolean;
  /** PostgreSQL's figures; null while it does not run. */
  archiver: {
    sent: number;
    lastSent: string | null;
    failed: number;
    lastFailed: string | null;
    waiting: number;
  } | null;
  /** Units of backups that failed when they last ran. */
  failed: string[];
  repository: PgBackRestInfo | null;
}

/** What a recovery has come to. */
export interface Recovered {
  /** Whether there was WAL beyond the moment that was asked for. */
  reached: boolean;
  /** Time of the last transaction; null when there was none after the backup. */
  restoredTo: string | null;
}

const library = "/usr/local/lib/dukaan";

/** The machine that the database is on, over SSH; its own programs do the work (src/roles/backup). */
export class DatabaseMachine {
  readonly #access: SshAccess;
  /** Its name in the topology. */
  readonly name: string;
  readonly #target: string;

  constructor(access: SshAccess) {
    this.#access = access;
    [this.name, this.#target] = Object.entries(machinesRunning(access, "postgresql"))[0]!;
  }

  /** Whether it answers, and has all that a restore needs. */
  async isComplete(): Promise<boolean> {
    const { exitCode } = await askMachine(
      this.#access,
      this.#target,
      ["test", "-x", `${library}/restore-database`],
      lostSoon(this.#access),
    );
    return exitCode === 0;
  }

  /** @param repository ask the object storage too, which takes half a second */
  async backupState(options: { repository: boolean }): Promise<BackupState> {
    const program = `${library}/backup-state`;
    const script = `[ ! -x ${program} ] || exec ${program} ${options.repository ? "--repository" : ""}`;
    const text = await this.run(["sh", "-c", script]);
    if (text === "") return { state: "off", gap: false, archiver: null, failed: [], repository: null };
    const state: BackupState = JSON.parse(text);
    return state;
  }

  /** @throws CliError with pgBackRest's own words when the repository cannot be read */
  async backups(): Promise<Backup[]> {
    const { repository } = await this.backupState({ repository: true });
    const [stanza] = repository ?? [];
    // 0: all is well; 1, 2 and 3: there is nothing yet.
    if (stanza && stanza.status.code > 3) {
      throw new CliError(
        `the backups cannot be read: ${stanza.status.message}`,
        "Look at what the machine with the database says: ./dukaan ssh MACHINE -- runuser -u postgres -- pgbackrest info",
      );
    }
    return readBackups(repository ?? []);
  }

  /** @param timeline by default the latest */
  async timeline(timeline: number | undefined): Promise<Timeline> {
    const text = await this.restoreStep("history", ...(timeline === undefined ? [] : [String(timeline)]));
    const [id = "1", ...lines] = text.split("\n");
    return readTimeline(Number(id), lines.join("\n"));
  }

  /** Names of the WAL files that are archived. */
  async archivedWal(): Promise<string[]> {
    return (await this.restoreStep("wal")).split("\n").filter((name) => name !== "");
  }

  /** A step of restore-database; what it prints. */
  async restoreStep(step: string, ...words: string[]): Promise<string> {
    return this.run([`${library}/restore-database`, step, ...words]);
  }

  /**
   * Lets PostgreSQL recover and waits until it accepts writes.
   * @param anyway where there is no WAL up to the moment that was asked for, take what there is
   */
  async recover(anyway?: "anyway"): Promise<Recovered> {
    const recovered: Recovered = JSON.parse(await this.restoreStep("recover", ...(anyway ? [anyway] : [])));
    return recovered;
  }

  /** Makes a backup and waits for its end. @throws CliError with the last lines of its journal */
  async backUp(type: "full" | "diff"): Promise<void> {
    const unit = `dukaan-backup@${type}.service`;
    // The first one may have been started just now.
    const { exitCode } = await askMachine(this.#access, this.#target, ["systemctl", "start", unit]);
    if (exitCode === 0) return;
    const { stdout } = await askMachine(this.#access, this.#target, [
      "journalctl",
      "--unit",
      unit,
      "--lines=8",
      "--output=cat",
      "--no-pager",
    ]);
    throw new CliError(
      `the backup failed:\n${stdout.replaceAll(/^/gm, "  ")}`,
      "Correct the cause and run it again.",
    );
  }

  /** Runs a command there. @throws CliError with what it said when it fails */
  async run(command: string[]): Promise<string> {
    return await runOnMachine(this.#access, this.#target, command);
  }
}
