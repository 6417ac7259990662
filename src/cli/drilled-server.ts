import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import type { Loss } from "../drill/losses.js";
import { renderTemplate } from "../template.js";
import { askMachine, commandLine, runOnMachine, type SshAccess } from "./commands/ssh.js";
import { CliError } from "./errors.js";
import { type CloudServer, type HetznerAccess, powerOff, powerOn } from "./hetzner-api.js";
import { clockOffset } from "./machine-clock.js";

const folder = "/run/dukaan-drill";
const program = `${folder}/app-server-loss`;

/** An app server that is broken on purpose and made good again. Moments are Unix time in milliseconds. */
export class DrilledServer {
  readonly #access: SshAccess;
  readonly #target: string;
  readonly #cloud: HetznerAccess;
  readonly #server: CloudServer;
  readonly #privateAddress: string;
  #broken: Loss | undefined;
  /** How far its clock is ahead, in milliseconds. */
  #offset = 0;

  /** @param server as its cloud knows it */
  constructor(
    access: SshAccess,
    options: { target: string; cloud: HetznerAccess; server: CloudServer; privateAddress: string },
  ) {
    this.#access = access;
    this.#target = options.target;
    this.#cloud = options.cloud;
    this.#server = options.server;
    this.#privateAddress = options.privateAddress;
  }

  /** What is wrong with it now, by our doing. */
  get broken(): Loss | undefined {
    return this.#broken;
  }

  /**
   * Breaks it. Unless its power is cut it mends itself after `seconds`, should nobody be there to do it.
   * @returns when it broke
   */
  async break(loss: Loss, seconds: number): Promise<number> {
    const offset = await clockOffset(this.#access, this.#target);
    this.#offset = offset;
    if (loss === "killed") return (await this.#cutPower()) - offset;
    await this.#send("failing-app.mjs", `${folder}/failing-app.mjs`);
    await this.#send("app-server-loss.sh", program);
    this.#broken = loss;
    const words = ["sh", program, "break", loss, String(seconds), this.#privateAddress];
    return Number(await runOnMachine(this.#access, this.#target, words)) * 1000 - offset;
  }

  /** Makes good what was broken; does no harm when nothing was. @returns when it began, or was switched on */
  async mend(): Promise<number> {
    let at = Date.now();
    if (this.#broken === "killed") {
      await powerOn(this.#cloud, this.#server);
      at = Date.now();
    } else if (this.#broken !== undefined) {
      const said = await runOnMachine(this.#access, this.#target, ["sh", program, "mend"]);
      at = Number(said) * 1000 - this.#offset;
    }
    this.#broken = undefined;
    return at;
  }

  /** Leaves nothing behind, unless it is still broken and has to mend itself. */
  async cleanUp(): Promise<void> {
    if (this.#broken === undefined) await askMachine(this.#access, this.#target, ["rm", "-rf", folder]);
  }

  /** @returns when it gave its last sign of life, by its own clock: a tenth of a second before its end at most */
  async #cutPower(): Promise<number> {
    // Its end cannot be heard, and how long a cloud takes to act is not part of what is measured.
    const alive = execa(
      "ssh",
      [...this.#access.options, this.#target, "bash -c 'while sleep 0.05; do echo $EPOCHREALTIME; done'"],
      { reject: false, stdin: "ignore", buffer: false },
    );
    let last = 0;
    const heard = new Promise<void>((resolve) => {
      const listen = async () => {
        for await (const line of alive) {
          last = Number(line) || last;
          resolve();
        }
      };
      listen().catch(() => undefined);
    });
    try {
      await Promise.race([heard, sleep(10_000, undefined, { ref: false })]);
      if (last === 0)
        throw new CliError("the server gives no sign of life", "Run ./dukaan up, which mends it.");
      this.#broken = "killed";
      await powerOff(this.#cloud, this.#server);
    } finally {
      alive.kill();
    }
    return last * 1000;
  }

  async #send(name: string, to: string): Promise<void> {
    const command = `mkdir -p ${folder} && cat > ${commandLine([to])}`;
    const { exitCode, stderr } = await execa("ssh", [...this.#access.options, this.#target, command], {
      input: renderTemplate(`src/drill/${name}`),
      reject: false,
    });
    if (exitCode !== 0)
      throw new CliError(
        `the machine cannot be broken: ${stderr.trim()}`,
        "Run ./dukaan up, which mends it.",
      );
  }
}

/** Lines "METHOD id" of the requests that reached an app server's nginx since then. */
export async function loggedRequests(access: SshAccess, target: string, since: number): Promise<string[]> {
  const script = `journalctl --identifier nginx --since @${Math.floor(since / 1000)} --output cat --no-pager |
    sed -n 's/^{"request":"\\([0-9a-f-]*\\)",.*"method":"\\([A-Z]*\\)",.*/\\2 \\1/p'`;
  const text = await runOnMachine(access, target, ["sh", "-c", script]);
  return text === "" ? [] : text.split("\n");
}
