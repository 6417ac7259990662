import { spawn } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyBaseLogger } from "fastify";
import { detectControlGroups } from "../machines/cgroups.js";
import { STORAGE_PORT } from "../machines/firewall.js";
import { HostError } from "../machines/host.js";
import { type Instance, servicesGroup } from "../machines/instance.js";
import { namespacePath, setKernel } from "../machines/namespaces.js";
import { NOTE_PID, processOf } from "../machines/pid-file.js";
import { ensureAccess, type ObjectStorage, REGION, storageFiles } from "./access.js";

export interface StorageServerOptions {
  instance: Instance;
  /** Where it keeps its objects and keys. */
  folder: string;
  /** Path of versitygw. */
  program: string;
  logger: FastifyBaseLogger;
}

/** Names the process that serves an instance's objects. */
export const storagePidFile = ({ runFolder }: Instance): string => `${runFolder}/storage.pid`;

/** How often it is looked after, and how long a start may take, in milliseconds. */
const LOOK_MS = 1000;
const START_MS = 10_000;

/**
 * The object storage of a local cloud: versitygw, an S3 server above a folder. It runs in the world's namespace, at the
 * world's own address, so servers reach it as they reach anything public. It outlives us, as servers do; the next one
 * to start it takes it over. The end of the instance's control groups is its end too.
 */
export class StorageServer {
  readonly #options: StorageServerOptions;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;

  constructor(options: StorageServerOptions) {
    this.#options = options;
  }

  /** Starts it, or takes over the one that runs, and looks after it from now on. The world must be there. */
  async start(): Promise<void> {
    const { instance, folder } = this.#options;
    const access = await ensureAccess(folder, instance.name, instance.addresses.worldIpv4);
    await this.#ensureRunning(access);
    this.#timer = setInterval(() => void this.#look(access), LOOK_MS);
    this.#timer.unref();
  }

  /** Stops looking after it; it goes on running. */
  close(): void {
    clearInterval(this.#timer);
  }

  async #look(access: ObjectStorage): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { logger } = this.#options;
    try {
      if ((await processOf(this.#pidFile)) !== undefined) return;
      logger.warn("the object storage has ended; starting it again");
      await this.#launch(access);
    } catch (error) {
      logger.error({ err: error }, "the object storage does not start; trying again");
      await sleep(START_MS);
    } finally {
      this.#looking = false;
    }
  }

  async #ensureRunning(access: ObjectStorage): Promise<void> {
    const pid = await processOf(this.#pidFile);
    if (pid !== undefined) {
      const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
      if (words.slice(0, -1).join("\n") === this.#command.join("\n") && (await this.#answers())) return;
      process.kill(pid, "SIGKILL");
      while ((await processOf(this.#pidFile)) !== undefined) await sleep(10);
    }
    await this.#launch(access);
  }

  async #launch({ accessKey, secretKey }: ObjectStorage): Promise<void> {
    const { instance, folder } = this.#options;
    const groups = await detectControlGroups();
    // The port is below 1024, and the server has no capabilities.
    await setKernel(instance.world, { "net.ipv4.ip_unprivileged_port_start": "0" });
    const join = 'for group in $OWN_GROUPS; do echo 0 >"$group" || exit 90; done';
    const script = `${join}; ${NOTE_PID}; unset OWN_GROUPS PID_FILE; exec "$@"`;
    const log = await open(storageFiles(folder).log, "w", 0o600);
    const confine = ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"];
    const child = spawn(
      "sh",
      ["-c", script, "sh", "nsenter", `--net=${namespacePath(instance.world)}`, ...confine, ...this.#command],
      {
        detached: true,
        cwd: "/",
        stdio: ["ignore", log.fd, log.fd],
        env: {
          PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
          OWN_GROUPS: groups.joinFiles(servicesGroup(instance)).join(" "),
          PID_FILE: this.#pidFile,
          ROOT_ACCESS_KEY: accessKey,
          ROOT_SECRET_KEY: secretKey,
        },
      },
    );
    child.unref();
    await log.close();
    const ended = new Promise<never>((_, reject) => {
      child.once("error", reject);
      child.once("exit", (code) => {
        reject(new HostError(`the object storage ended with exit code ${code}`, this.#whereToLook));
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
        throw new HostError(
          `the object storage does not answer within ${START_MS / 1000} s`,
          this.#whereToLook,
        );
      }
      await sleep(20);
    }
  }

  async #answers(): Promise<boolean> {
    const host = this.#options.instance.addresses.worldIpv4;
    return new Promise((resolve) => {
      const socket = net.connect({ host, port: STORAGE_PORT, timeout: 1000 });
      const answer = (accepted: boolean): void => {
        socket.destroy();
        resolve(accepted);
      };
      socket.once("connect", () => answer(true));
      socket.once("error", () => answer(false));
      socket.once("timeout", () => answer(false));
    });
  }

  get #command(): string[] {
    const { instance, folder, program } = this.#options;
    const { accounts, buckets, certificate, privateKey } = storageFiles(folder);
    return [
      program,
      "--port",
      `${instance.addresses.worldIpv4}:${STORAGE_PORT}`,
      "--cert",
      certificate,
      "--key",
      privateKey,
      "--region",
      REGION,
      // A line a request is more than the requests themselves.
      "--quiet",
      "--keep-alive",
      "--iam-dir",
      accounts,
      "posix",
      buckets,
    ];
  }

  get #pidFile(): string {
    return storagePidFile(this.#options.instance);
  }

  get #whereToLook(): string {
    return `What it said is at the beginning or end of ${storageFiles(this.#options.folder).log}; its folder needs a file system with extended attributes.`;
  }
}
