import { createInterface } from "node:readline";
import { execa } from "execa";
import type { DatabaseStatus } from "../evolve/databases.js";
import { askMachine, commandLine, runsOnAws, type SshAccess } from "./commands/ssh.js";
import { CliError } from "./errors.js";

/** A machine that a move depends on does not answer: nobody knows what was done there. */
export class MachineSilent extends CliError {
  /** @param said ssh's own words; `onAws`: no command switches the machine on */
  constructor(
    readonly machine: string,
    { said = "", onAws = false }: { said?: string; onAws?: boolean } = {},
  ) {
    super(
      `${machine} does not answer${said === "" ? "" : `: ${said}`}`,
      onAws
        ? `${runsOnAws} It goes on from there. If the machine is lost for good: docs/aws.md`
        : "Run the same command again: it switches on what is off, and goes on from there. If the machine is lost for good: --accept-data-loss; see docs/runbooks/evolve.md",
    );
    this.name = "MachineSilent";
  }
}

/** Another step is still at work on that machine; nothing was done. */
export class MachineBusy extends CliError {
  constructor(machine: string, said: string) {
    super(`${machine}: ${said}`, "Run the same command again when that one has ended.");
    this.name = "MachineBusy";
  }
}

/** What a machine's programs exit with then, EX_TEMPFAIL of sysexits.h. */
const busy = 75;

/** The steps of one machine in a move, by one of its own programs (src/roles). */
export interface Steps {
  readonly machine: string;
  /**
   * Runs one step and returns what it printed.
   * @throws MachineSilent, MachineBusy, or CliError with the step's own words
   */
  step(...words: string[]): Promise<string>;
}

/** What a move asks of a machine's database. */
export interface Side extends Steps {
  status(): Promise<DatabaseStatus>;
  /**
   * Begins to read all tables as they are at one moment, which `taken` names as soon as it is past: from then on others
   * may write again. `lines` has a line for each table.
   */
  checksums(position?: string): { taken: Promise<string>; lines: Promise<string[]> };
}

const library = "/usr/local/lib/dukaan";

/** Whether there is a machine on which a database was ever made ready; one that does not answer may have one. */
export async function hasDatabase(access: SshAccess, machine: string): Promise<boolean> {
  const target = access.targets[machine];
  if (target === undefined) return false;
  const { exitCode } = await askMachine(access, target, ["test", "-x", `${library}/database`]);
  return exitCode !== 1;
}

/** One of a machine's own programs, over SSH. */
export class MachineSteps implements Steps {
  constructor(
    readonly access: SshAccess,
    readonly machine: string,
    readonly program: "database" | "copy-database" | "pool" | "become-standby" | "maintenance",
  ) {}

  async step(...words: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.start(...words);
    if (exitCode === 0) return stdout.trim();
    if (exitCode === 255 || exitCode === undefined) throw this.silent(stderr);
    const said = (stderr || stdout).trim() || `${this.program} ${words[0]} ended with ${exitCode}`;
    if (exitCode === busy) throw new MachineBusy(this.machine, said);
    throw new CliError(`${this.machine}: ${said}`, "Correct the cause and run the same command again.");
  }

  protected silent(stderr = ""): MachineSilent {
    return new MachineSilent(this.machine, { said: stderr.trim(), onAws: this.access.onAws });
  }

  protected start(...words: string[]) {
    const target = this.access.targets[this.machine];
    if (target === undefined) throw this.silent();
    const command = commandLine([`${library}/${this.program}`, ...words]);
    // In a process group of its own: Ctrl-C is for the command as a whole, which ends where that harms nobody.
    return execa("ssh", [...this.access.options, target, command], {
      reject: false,
      stdin: "ignore",
      detached: true,
      cleanup: true,
    });
  }
}

/** A machine's database, over SSH. */
export class DatabaseSide extends MachineSteps implements Side {
  constructor(access: SshAccess, machine: string) {
    super(access, machine, "database");
  }

  async status(): Promise<DatabaseStatus> {
    const status: DatabaseStatus = JSON.parse(await this.step("status"));
    return status;
  }

  checksums(position?: string): { taken: Promise<string>; lines: Promise<string[]> } {
    const running = this.start("checksums", ...(position === undefined ? [] : [position]));
    const lines = running.then(({ exitCode, stdout, stderr }) => {
      if (exitCode === 0) return stdout.trim().split("\n").slice(1);
      if (exitCode === 255 || exitCode === undefined) throw this.silent(stderr);
      throw new CliError(
        `${this.machine}: ${stderr.trim()}`,
        "Nothing was moved. Run the same command again.",
      );
    });
    // It is awaited after `taken`, which fails first.
    lines.catch(() => undefined);
    const taken = new Promise<string>((resolve, reject) => {
      createInterface({ input: running.stdout }).once("line", resolve);
      lines.then(
        () => reject(new CliError(`${this.machine} has read no tables`, "Run the same command again.")),
        reject,
      );
    });
    return { taken, lines };
  }
}
