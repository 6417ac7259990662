import { spawn } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyBaseLogger } from "fastify";
import { detectControlGroups } from "./cgroups.js";
import { HostError } from "./host.js";
import { type Instance, servicesGroup } from "./instance.js";
import { namespacePath, setKernel } from "./namespaces.js";
import { NOTE_PID, processOf } from "./pid-file.js";
import { reaches } from "./reaches.js";

export interface WorldProcessOptions {
  instance: Instance;
  /** For messages, e.g. "the object storage". */
  name: string;
  /** Names the process while it runs. */
  pidFile: string;
  /** What it says; each start begins it anew. */
  log: string;
  /** It answers there, at the world's own address. */
  port: number;
  /** Program and arguments; another one replaces the process that runs. */
  command: string[];
  /** Secrets among them are in no argument. */
  environment?: Record<string, string>;
  /** What to do when it does not start. */
  remedy: string;
  logger: FastifyBaseLogger;
}

/** How often it is looked after, and how long a start may take, in milliseconds. */
const LOOK_MS = 1000;
const START_MS = 10_000;

/**
 * A server in the world's namespace, at the world's own address, so that machines reach it as they reach anything public.
 * It outlives us, as machines do; the next one to start it takes it over. The end of the instance's control groups is its
 * end too.
 */
export class WorldProcess {
  readonly #options: WorldProcessOptions;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;

  constructor(options: WorldProcessOptions) {
    this.#options = options;
  }

  /** Starts it, or takes over the one that runs, and looks after it from now on. The world must be there. */
  async start(): Promise<void> {
    await this.#ensureRunning();
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  /** Stops looking after it; it goes on running. */
  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { logger, name, pidFile } = this.#options;
    try {
      if ((await processOf(pidFile)) !== undefined) return;
      logger.warn(`${name} has ended; starting it again`);
      await this.#launch();
    } catch (error) {
      logger.error({ err: error }, `${name} does not start; trying again`);
      await sleep(START_MS);
    } finally {
      this.#looking = false;
    }
  }

  async #ensureRunning(): Promise<void> {
    const { pidFile, command } = this.#options;
    const pid = await processOf(pidFile);
    if (pid !== undefined) {
      const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
      if (words.slice(0, -1).join("\n") === command.join("\n") && (await this.#answers())) return;
      process.kill(pid, "SIGKILL");
      while ((await processOf(pidFile)) !== undefined) await sleep(10);
    }
    await this.#launch();
  }

  async #launch(): Promise<void> {
    const { instance, name, pidFile, log: logFile, command, environment, remedy } = this.#options;
    const groups = await detectControlGroups();
    // Ports are below 1024, and the process has no capabilities.
    await setKernel(instance.world, { "net.ipv4.ip_unprivileged_port_start": "0" });
    const join = 'for group in $OWN_GROUPS; do echo 0 >"$group" || exit 90; done';
    const script = `${join}; ${NOTE_PID}; unset OWN_GROUPS PID_FILE; exec "$@"`;
    const log = await open(logFile, "w", 0o600);
    const confine = ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"];
    const child = spawn(
      "sh",
      ["-c", script, "sh", "nsenter", `--net=${namespacePath(instance.world)}`, ...confine, ...command],
      {
        detached: true,
        cwd: "/",
        stdio: ["ignore", log.fd, log.fd],
        env: {
          PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
          OWN_GROUPS: groups.joinFiles(servicesGroup(instance)).join(" "),
          PID_FILE: pidFile,
          ...environment,
        },
      },
    );
    child.unref();
    await log.close();
    const ended = new Promise<never>((_, reject) => {
      child.once("error", reject);
      child.once("exit", (code) => {
        reject(new HostError(`${name} ended with exit code ${code}`, remedy));
      });
    });
    await Promise.race([ended, this.#untilItAnswers()]);
    // From now on its end is noticed by looking.
    ended.catch(() => undefined);
  }

  async #untilItAnswers(): Promise<void> {
    const deadline = performance.now() + START_MS;
    while (!(await this.#answers())) {
      if (performance.now() > deadline) {
        const { name, remedy } = this.#options;
        throw new HostError(`${name} does not answer within ${START_MS / 1000} s`, remedy);
      }
      await sleep(20);
    }
  }

  async #answers(): Promise<boolean> {
    const { instance, port } = this.#options;
    return reaches(instance.addresses.worldIpv4, port);
  }
}
