#!/usr/bin/env node
/** The command `hetzner-local`: a local cloud without the rest of the project. */
import { spawn } from "node:child_process";
import { Command } from "commander";
import {
  checkLocalCloud,
  findLocalCloud,
  localCloudStatus,
  logsOf,
  pauseLocalCloud,
  shellOn,
  startLocalCloud,
  stopLocalCloud,
} from "./client.js";
import { HostError } from "./machines/host.js";

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const onProgress = (text: string): void => void process.stderr.write(`${text}\n`);

/** Runs a program on the caller's terminal; its exit code is ours. */
async function handOver([program = "sh", ...args]: string[]): Promise<void> {
  const child = spawn(program, args, { stdio: "inherit" });
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

const program = new Command("hetzner-local")
  .description("A Hetzner Cloud on this computer: its API on loopback, real Debian machines behind it.")
  .option("--instance <name>", "which local cloud: a letter, then up to 11 of a-z, 0-9 and -", "lab")
  .showHelpAfterError();
const instance = (): string => program.opts<{ instance: string }>().instance;

program
  .command("up")
  .description("start it (as root), or find it running")
  .action(async () => {
    const cloud = await startLocalCloud({ instance: instance(), onProgress });
    say(`${cloud.alreadyRunning ? "already runs" : "runs"} at ${cloud.endpoint} (process ${cloud.pid})`);
  });
program
  .command("down")
  .description("remove it with all its machines")
  .action(() => stopLocalCloud(instance(), { onProgress }));
program
  .command("restart")
  .description("start its server anew; the machines go on running")
  .action(async () => {
    await pauseLocalCloud(instance());
    say(`runs again at ${(await startLocalCloud({ instance: instance(), onProgress })).endpoint}`);
  });
program
  .command("status")
  .description("what runs, as JSON")
  .action(async () => say(JSON.stringify(await localCloudStatus(instance()), undefined, 2)));
program
  .command("env")
  .description('what clients of the API read: eval "$(hetzner-local env)"')
  .action(async () => {
    const cloud = await findLocalCloud(instance());
    if (!cloud) {
      throw new HostError(`the local cloud "${instance()}" does not run`, "Start it: sudo hetzner-local up");
    }
    say(`export HCLOUD_ENDPOINT=${cloud.endpoint}\nexport HCLOUD_TOKEN=${cloud.token}`);
  });
program
  .command("ssh <server> [command...]")
  .description("a shell in a server, or a command, without SSH (as root)")
  .action(async (server: string, command: string[]) => handOver(await shellOn(instance(), server, command)));
program
  .command("logs [server]")
  .description("a server's journal, or the log of the cloud itself (as root)")
  .action(async (server: string | undefined) => handOver(await logsOf(instance(), server)));
program
  .command("check")
  .description("compare what it says with what is on this computer; exit code 1 when they differ")
  .action(async () => {
    const { differences } = await checkLocalCloud(instance());
    for (const { subject, difference } of differences) say(`${subject}: ${difference}`);
    if (differences.length > 0) process.exitCode = 1;
    else say("state and computer tell the same story");
  });

program.parseAsync().catch((error: unknown) => {
  const known = error instanceof HostError || error instanceof RangeError;
  process.stderr.write(`${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
