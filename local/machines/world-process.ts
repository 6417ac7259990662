import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyBaseLogger } from "fastify";
import { detectControlGroups } from "./cgroups.js";
import { startConfined } from "./confined-process.js";
import { HostError } from "./host.js";
import { type Instance, servicesGroup } from "./instance.js";
import { processOf } from "./pid-file.js";
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
    const { instance, name, pidFile, log, command, environment, remedy } = this.#options;
    const { ended } = await startConfined(await detectControlGroups(), {
      namespace: instance.world,
      group: servicesGroup(instance),
      pidFile,
      log,
      command,
      environment,
    });
    // From the time when it answers its end is noticed by looking.
    const failed = ended.then((how) => {
      throw new HostError(`${name} ended with ${how}`, remedy);
    });
    await Promise.race([failed, this.#untilItAnswers()]);
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
