import { execa } from "execa";
import { detectControlGroups } from "./cgroups.js";
import { HostError } from "./host.js";
import { guestGroup, type Instance } from "./instance.js";
import { consoleLog, leaderOf } from "./nspawn.js";

/**
 * The program and arguments that run a command in a machine, as root, on the caller's own terminal: in all of the
 * machine's namespaces, and in its control groups, so that its limits hold for the command too.
 *
 * @param command e.g. ["bash", "-l"]
 * @throws HostError when the machine is off
 */
export async function commandInMachine(instance: Instance, id: string, command: string[]): Promise<string[]> {
  const leader = await leaderOf(instance, id);
  if (leader === undefined) throw new HostError(`machine ${id} is off`, "Power it on first.");
  const groups = await detectControlGroups();
  const join = await groups.enterFiles(guestGroup(instance, id), leader);
  const script = 'while [ "$1" != -- ]; do echo 0 >"$1" || exit 90; shift; done; shift; exec "$@"';
  const environment = [
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "LANG=C.UTF-8",
    `TERM=${process.env["TERM"] ?? "dumb"}`,
  ];
  const namespaces = ["-t", String(leader), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w"];
  return [
    "sh",
    "-c",
    script,
    "sh",
    ...join,
    "--",
    "nsenter",
    ...namespaces,
    "env",
    "-i",
    ...environment,
    ...command,
  ];
}

export interface CommandResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Runs a command in a machine to its end; a failing command is a result, not an error. */
export async function execInMachine(
  instance: Instance,
  id: string,
  command: string[],
  options: { stdin?: string | undefined } = {},
): Promise<CommandResult> {
  const [program = "sh", ...args] = await commandInMachine(instance, id, command);
  const { exitCode, stdout, stderr } = await execa(program, args, {
    input: options.stdin ?? "",
    reject: false,
  });
  return { exitCode: exitCode ?? 255, stdout, stderr };
}

/**
 * The program and arguments that show a machine's messages: its journal while it runs, else what its console showed
 * when it last ran.
 */
export async function logsOfMachine(instance: Instance, id: string, follow: boolean): Promise<string[]> {
  const leader = await leaderOf(instance, id);
  if (leader === undefined) return ["cat", consoleLog(instance, id)];
  return commandInMachine(instance, id, [
    "journalctl",
    "--no-pager",
    ...(follow ? ["--follow", "--lines=200"] : []),
  ]);
}
