import type { FastifyBaseLogger } from "fastify";
import { STORAGE_PORT } from "../machines/firewall.js";
import type { Instance } from "../machines/instance.js";
import { WorldProcess } from "../machines/world-process.js";
import { ensureAccess, REGION, storageFiles } from "./access.js";

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

/** The object storage of a local cloud: versitygw, an S3 server above a folder. */
export class StorageServer {
  readonly #options: StorageServerOptions;
  #process: WorldProcess | undefined;

  constructor(options: StorageServerOptions) {
    this.#options = options;
  }

  /** Starts it, or takes over the one that runs, and looks after it from now on. The world must be there. */
  async start(): Promise<void> {
    const { instance, folder, logger } = this.#options;
    const { accessKey, secretKey } = await ensureAccess(folder, instance.name, instance.addresses.worldIpv4);
    const { log } = storageFiles(folder);
    this.#process = new WorldProcess({
      instance,
      name: "the object storage",
      pidFile: storagePidFile(instance),
      log,
      port: STORAGE_PORT,
      command: this.#command,
      environment: { ROOT_ACCESS_KEY: accessKey, ROOT_SECRET_KEY: secretKey },
      remedy: `What it said is at the beginning or end of ${log}; its folder needs a file system with extended attributes.`,
      logger,
    });
    await this.#process.start();
  }

  /** Stops looking after it; it goes on running. */
  close(): void {
    this.#process?.close();
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
}
