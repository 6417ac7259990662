import { type ChildProcessByStdio, spawn } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { execa } from "execa";
import { projectRoot } from "../../src/project.js";
import { makeLabFolder } from "../lab-folder.js";

/** A stack and a local cloud of this test run alone, beside whatever else runs on this computer. */
export interface Lab {
  /** Runs `./dukaan` as a person would; never rejects. */
  dukaan: (
    ...args: string[]
  ) => Promise<{ exitCode: number; stdout: string; stderr: string; seconds: number }>;
  /** Starts `./dukaan` in a process group of its own, as a terminal does; for tests that interrupt it. */
  start: (...args: string[]) => ChildProcessByStdio<null, null, Readable>;
  /** Runs plain `pulumi` with what `./dukaan env` prints. */
  pulumi: (...args: string[]) => Promise<{ exitCode: number; stdout: string; stderr: string }>;
  /** Sets a part of a setting with plain `pulumi`, which reads the value from its standard input. */
  configure: (path: string, value: string, ...options: string[]) => ReturnType<Lab["pulumi"]>;
  /** Settings that this lab has in place of the checkout's, by full key; all of them. */
  set: (settings: Record<string, unknown>) => Promise<void>;
  /** Asks the API of the lab's cloud, as somebody might behind Pulumi's back. @throws Error when it refuses */
  cloud: <Answer = unknown>(method: string, path: string, body?: object) => Promise<Answer>;
  /** Where this lab keeps everything. */
  folder: string;
  /** The folder of the stack's state. */
  stateFolder: string;
  /** Removes the stack, the cloud and the folders, whatever state they are in. */
  remove: () => Promise<void>;
}

export async function createLab(instance: string): Promise<Lab> {
  const folder = await makeLabFolder();
  const env = {
    DUKAAN_INSTANCE: instance,
    DUKAAN_STATE: join(folder, "state"),
    DUKAAN_LOCAL_HOME: join(folder, "local"),
    NO_COLOR: "1",
  };
  const dukaan: Lab["dukaan"] = async (...args) => {
    const started = performance.now();
    const result = await execa(join(projectRoot, "dukaan"), args, { env, reject: false, stdin: "ignore" });
    return {
      exitCode: result.exitCode ?? -1,
      stdout: result.stdout,
      stderr: result.stderr,
      seconds: (performance.now() - started) / 1000,
    };
  };
  let printed: Record<string, string> | undefined;
  const environment = async () => {
    printed ??= JSON.parse((await dukaan("env", "--json")).stdout) as Record<string, string>;
    return printed;
  };
  const cloud: Lab["cloud"] = async <Answer>(method: string, path: string, body?: object) => {
    const ask = async () => {
      const { HCLOUD_ENDPOINT, HCLOUD_TOKEN } = await environment();
      return fetch(`${HCLOUD_ENDPOINT}${path}`, {
        method,
        headers: { authorization: `Bearer ${HCLOUD_TOKEN}`, "content-type": "application/json" },
        ...(body && { body: JSON.stringify(body) }),
      });
    };
    // A cloud that was killed is somewhere else when it is back.
    const answer = await ask().catch(() => {
      printed = undefined;
      return ask();
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as Answer;
  };
  const pulumi = async (args: string[], input: string) => {
    const options = {
      cwd: projectRoot,
      env: await environment(),
      preferLocal: false,
      reject: false,
      input,
    } as const;
    const result = await execa("pulumi", args, options);
    return { exitCode: result.exitCode ?? -1, stdout: result.stdout, stderr: result.stderr };
  };
  const stateFolder = join(folder, "state", "lab");
  return {
    dukaan,
    set: async (settings) => {
      await mkdir(stateFolder, { recursive: true });
      await writeFile(join(stateFolder, "settings.yaml"), JSON.stringify(settings));
    },
    start: (...args) =>
      spawn(join(projectRoot, "dukaan"), args, {
        env: { ...process.env, ...env },
        stdio: ["ignore", "ignore", "pipe"],
        detached: true,
      }),
    pulumi: async (...args) => pulumi(args, ""),
    configure: async (path, value, ...options) =>
      pulumi(["config", "set", "--path", path, ...options], value),
    cloud,
    folder,
    stateFolder,
    remove: async () => {
      await dukaan("local", "down");
      await rm(folder, { recursive: true, force: true });
    },
  };
}
