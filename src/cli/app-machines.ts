import { askMachine, lostSoon, machinesRunning, runOnMachine, type SshAccess } from "./commands/ssh.js";

const program = "/usr/local/lib/dukaan/current-release";

/** The machines that the app is on, over SSH; their own program does the work (src/roles/api). */
export class AppMachines {
  readonly #access: SshAccess;
  readonly #targets: string[];

  constructor(access: SshAccess) {
    this.#access = access;
    this.#targets = Object.values(machinesRunning(access, "api"));
  }

  /** Whether all of them answer, and have a release. */
  async areComplete(): Promise<boolean> {
    const command = ["test", "-x", program, "-a", "-e", "/opt/dukaan/releases/api/current"];
    const answers = await Promise.all(
      this.#targets.map((target) => askMachine(this.#access, target, command, lostSoon(this.#access))),
    );
    return answers.every(({ exitCode }) => exitCode === 0);
  }

  /** Ends the app everywhere; requests that run are finished. */
  async stop(): Promise<void> {
    await this.#everywhere("stop");
  }

  /** Brings the schema to what the release wants, then starts the app everywhere. */
  async start(): Promise<void> {
    // Migrations belong to the stack, so one machine applies them.
    await runOnMachine(this.#access, this.#targets[0]!, [program, "migrate"]);
    await this.#everywhere("start");
  }

  async #everywhere(step: "stop" | "start"): Promise<void> {
    await Promise.all(this.#targets.map((target) => runOnMachine(this.#access, target, [program, step])));
  }
}
