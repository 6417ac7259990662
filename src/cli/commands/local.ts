import { spawn } from "node:child_process";
import {
  checkLocalCloud,
  cutServerPower,
  localCloudStatus,
  logsOf,
  pauseLocalCloud,
  shellOn,
  startLocalCloud,
  stopLocalCloud,
} from "../../../local/client.js";
import { ExitCode } from "../errors.js";
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

export async function localRestart(options: LocalOptions): Promise<void> {
  const { instance } = options;
  await runSteps({}, [
    {
      title: `Restart the local cloud "${instance}"; its machines go on running`,
      run: async (_, report, retitle) => {
        await pauseLocalCloud(instance);
        const cloud = await startLocalCloud({ instance, onProgress: report });
        retitle(`Local cloud "${instance}" runs again at ${cloud.endpoint} (process ${cloud.pid})`);
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
  process.stdout.write(`  page, which asks for the token, at ${new URL("/", status.endpoint).href}\n`);
  if (status.objectStorage !== undefined)
    process.stdout.write(`  object storage (S3) at ${status.objectStorage}\n`);
  for (const server of status.servers) {
    const { id, name, state, type, ipv4 } = server;
    process.stdout.write(
      `  ${name.padEnd(20)} ${state.padEnd(10)} ${type.padEnd(10)} ${ipv4 ?? "-"}  (id ${id})\n`,
    );
  }
}

/** Exit code 1 when state and computer tell different stories. */
export async function localCheck(options: LocalOptions): Promise<void> {
  const { differences, busy, counts } = await checkLocalCloud(options.instance);
  if (differences.length > 0) process.exitCode = ExitCode.failed;
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ differences, busy, counts }, undefined, 2)}\n`);
    return;
  }
  const looked = Object.entries(counts).map(([kind, count]) => `${count} ${kind}`);
  for (const { subject, difference } of differences) process.stdout.write(`${subject}: ${difference}\n`);
  for (const one of busy)
    process.stdout.write(`${one.replace(":", " ")}: not judged, an action is changing it\n`);
  process.stdout.write(
    differences.length === 0
      ? `local cloud "${options.instance}": state and computer agree (${looked.join(", ")})\n`
      : `local cloud "${options.instance}": ${differences.length} differences between state and computer. ` +
          "`./dukaan local restart` puts right what can be; machines go on running meanwhile\n",
  );
}

export async function localPowerCut(server: string, options: LocalOptions): Promise<void> {
  await runSteps({}, [
    {
      title: `Cut the power of ${server}`,
      run: async (_, _report, retitle) => {
        await cutServerPower(options.instance, server);
        retitle(`Cut the power of ${server}: it is off, and what it had not synced is lost`);
      },
    },
  ]);
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
