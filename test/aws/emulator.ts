import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { pythonWith } from "../conformance/clients.js";

/** An emulator of AWS's API that listens on loopback: moto. */
export interface Emulator {
  /** What clients of AWS, the provider's and others, read from the environment to find it. */
  env: Record<string, string>;
  endpoint: string;
  stop(): Promise<void>;
}

const folder = join(import.meta.dirname, "moto");

/** Installs it, unless it is there. @returns a Python that has it */
export function prepareEmulator(): Promise<string> {
  return pythonWith(join(folder, "requirements.txt"));
}

/** Starts one that has nothing but what every account of AWS has from the start. */
export async function startEmulator(region: string): Promise<Emulator> {
  const python = await prepareEmulator();
  const server = execa(python, [join(folder, "server.py")], {
    env: { MOTO_AMIS_PATH: join(folder, "images.json") },
    reject: false,
  });
  const lines = createInterface(server.stdout);
  const [port] = (await Promise.race([
    once(lines, "line"),
    server.then(({ stderr }) => Promise.reject(new Error(`moto has ended:\n${stderr}`))),
  ])) as [string];
  const endpoint = `http://127.0.0.1:${port}`;
  return {
    endpoint,
    env: {
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: "testing",
      AWS_SECRET_ACCESS_KEY: "testing",
      // Nobody's own settings, and no metadata of a machine that this may be.
      AWS_CONFIG_FILE: "/dev/null",
      AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
      AWS_EC2_METADATA_DISABLED: "true",
    },
    async stop() {
      server.stdin.end();
      await server;
    },
  };
}
