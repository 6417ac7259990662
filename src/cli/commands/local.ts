import { spawn } from "node:child_process";
import { localCloudStatus, logsOf, shellOn, startLocalCloud, stopLocalCloud } from "../../../local/client.js";
import { runSteps } from "../steps.js";

interface LocalOptions {
  instance: string;
  json?: boolean;
}

export async function localUp(options: LocalOptions): Promise<void> {
  await runSteps({}, [
    {
      title: `Local cloud "${options.instance}"`,
      run: async (_, report, retitle) => {
        const cloud = await startLocalCloud({ instance: options.instance, onProgress: report });
        const how = cloud.alreadyRunning ? "already runs" : "runs";
        retitle(`Local cloud "${cloud.instance}" ${how} at ${cloud.endpoint} (process ${cloud.pid})`);
      },
    },
  ]);
}

export async function localDown(options: LocalOptions): Promise<void> {
  await runSteps({}, [
    {
      title: `Remove the local cloud "${options.instance}"`,
      run: (_, report) => stopLocalCloud(options.instance, { onProgress: report }),
    },
  ]);
}

export async function localStatus(options: LocalOptions): Promise<void> {
  const status = await localCloudStatus(options.instance);
  if (options.json) {
    process.stdout.write(`${JSON.stringify(status, undefined, 2)}\n`);
    return;
  }
  if (!status.running) {
    process.stdout.write(`local cloud "${options.instance}" does not run; ./dukaan local up starts it\n`);
    return;
  }
  process.stdout.write(`local cloud "${options.instance}" at ${status.endpoint} (process ${status.pid})\n`);
  if (status.objectStorage !== undefined)
    process.stdout.write(`  object storage (S3) at ${status.objectStorage}\n`);
  for (const server of status.servers) {
    const { id, name, state, type, ipv4 } = server;
    process.stdout.write(
      `  ${name.padEnd(20)} ${state.padEnd(10)} ${type.padEnd(10)} ${ipv4 ?? "-"}  (id ${id})\n`,
    );
  }
}

export async function localSsh(server: string, command: string[], options: LocalOptions): Promise<void> {
  await takeOver(await shellOn(options.instance, server, command));
}

export async function localLogs(server: string | undefined, options: LocalOptions): Promise<void> {
  await takeOver(await logsOf(options.instance, server));
}

/** Runs a program on our own terminal and ends with its exit code. */
function takeOver([file, ...args]: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(file!, args, { stdio: "inherit" });
    child.on("error", reject);
    child.on("exit", (code) => {
      process.exitCode = code ?? 1;
      resolve();
    });
  });
}
