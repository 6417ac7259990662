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
  /** Asks it with AWS's client for Python, see moto/ask.py. @throws Error with what it says against that */
  ask: <Answer>(service: string, operation: string, parameters?: object) => Promise<Answer>;
  stop: () => Promise<void>;
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
    // Certificates are issued at once, instead of after a minute.
    env: { MOTO_AMIS_PATH: join(folder, "images.json"), MOTO_ACM_VALIDATION_WAIT: "0" },
    reject: false,
  });
  const lines = createInterface(server.stdout);
  const [port] = (await Promise.race([
    once(lines, "line"),
    server.then(({ stderr }) => Promise.reject(new Error(`moto has ended:\n${stderr}`))),
  ])) as [string];
  const endpoint = `http://127.0.0.1:${port}`;
  const env = {
    AWS_ENDPOINT_URL: endpoint,
    // S3 Control is asked at a host name with the account's number before it, which nothing resolves; what goes through a
    // proxy need not be. Loopback itself never does.
    HTTP_PROXY: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: "testing",
    AWS_SECRET_ACCESS_KEY: "testing",
    // The provider asks again at once whether something is ready, instead of after a minute: a switch that its own tests
    // have, which play answers back from a file. Without those tests the file is never looked for.
    VCR_MODE: "REPLAY_ONLY",
    VCR_PATH: "none",
    // Nobody's own settings, and no metadata of a machine that this may be.
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
    AWS_EC2_METADATA_DISABLED: "true",
  };
  const { ask, stop } = startClient(python, env);
  return {
    endpoint,
    env,
    ask,
    stop: async () => {
      await stop();
      server.stdin.end();
      await server;
    },
  };
}

/** It takes one question after the other. */
function startClient(python: string, env: Record<string, string>): Pick<Emulator, "ask" | "stop"> {
  const client = execa(python, [join(folder, "ask.py")], { env, reject: false });
  const answers = createInterface(client.stdout)[Symbol.asyncIterator]();
  return {
    ask: async <Answer>(service: string, operation: string, parameters = {}) => {
      client.stdin.write(`${JSON.stringify([service, operation, parameters])}\n`);
      const { value, done } = await answers.next();
      if (done) throw new Error(`AWS's client has ended:\n${(await client).stderr}`);
      const answer: Answer & { Error?: string } = JSON.parse(value);
      if (answer.Error !== undefined) throw new Error(answer.Error);
      return answer;
    },
    stop: async () => {
      client.stdin.end();
      await client;
    },
  };
}
