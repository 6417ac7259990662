import { createHash } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { FastifyBaseLogger } from "fastify";
import { API_PORT } from "../machines/firewall.js";
import type { Instance } from "../machines/instance.js";
import { WorldProcess } from "../machines/world-process.js";
import { storageFiles } from "../storage/access.js";
import type { App } from "./app.js";

export interface DoorOptions {
  instance: Instance;
  /** Of the object storage: its certificate is for the same address. */
  objects: string;
  logger: FastifyBaseLogger;
}

/** Names the process that hands machines' requests on. */
export const doorPidFile = ({ runFolder }: Instance): string => `${runFolder}/api.pid`;

/**
 * The API for machines: at the world's own address, over HTTPS, port 8443, with the same token. An HAProxy in the world's
 * namespace hands requests to a Unix socket of ours; while we are away it answers 503.
 */
export class Door {
  readonly #options: DoorOptions;
  #listener: Server | undefined;
  #process: WorldProcess | undefined;

  constructor(options: DoorOptions) {
    this.#options = options;
  }

  /** Opens it. The object storage must have been started once: its certificate is the door's. */
  async open(app: App): Promise<void> {
    const { instance, objects, logger } = this.#options;
    const file = (name: string) => `${instance.runFolder}/api${name}`;
    const { certificate, privateKey } = storageFiles(objects);
    const pem = await Promise.all([certificate, privateKey].map(async (path) => readFile(path, "utf8")));
    // Each in a file of its own name: so the process has another command, and is replaced, when one has changed.
    const pemFile = await writeByContent(file(""), ".pem", pem.join(""));
    const cfgFile = await writeByContent(file(""), ".cfg", configuration(instance, pemFile, file(".sock")));
    await rm(file(".sock"), { force: true });
    this.#listener = createServer((request, response) => app.routing(request, response));
    const listener = this.#listener;
    await new Promise<void>((resolve, reject) => {
      listener.once("error", reject);
      listener.listen(file(".sock"), resolve);
    });
    this.#process = new WorldProcess({
      instance,
      name: "the API's door for machines",
      pidFile: doorPidFile(instance),
      log: file(".log"),
      port: API_PORT,
      command: ["haproxy", "-db", "-f", cfgFile],
      remedy: `What it said is in ${file(".log")}.`,
      logger,
    });
    await this.#process.start();
    for (const name of await readdir(instance.runFolder)) {
      const path = `${instance.runFolder}/${name}`;
      if (/^api.*\.(pem|cfg)$/.test(name) && path !== pemFile && path !== cfgFile) await rm(path);
    }
  }

  /** Takes no more requests, and stops looking after the process; it goes on running. */
  close(): void {
    this.#process?.close();
    this.#listener?.close();
    this.#listener?.closeIdleConnections();
  }
}

/** @returns the path, which has a digest of the content in it */
async function writeByContent(path: string, ending: string, content: string): Promise<string> {
  const digest = createHash("sha256").update(content).digest("hex").slice(0, 16);
  const file = `${path}-${digest}${ending}`;
  await writeFile(file, content, { mode: 0o600 });
  return file;
}

function configuration({ addresses }: Instance, pem: string, socket: string): string {
  return [
    "global",
    "  maxconn 200",
    "  ssl-default-bind-options ssl-min-ver TLSv1.2",
    "defaults",
    "  mode http",
    "  timeout connect 2s",
    "  timeout client 60s",
    "  timeout server 60s",
    "frontend machines",
    `  bind ${addresses.worldIpv4}:${API_PORT} ssl crt ${pem}`,
    "  default_backend api",
    "backend api",
    `  server api unix@${socket}`,
    "",
  ].join("\n");
}
