import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { CliError, ExitCode } from "../errors.js";
import type { InstanceConnectEndpoint } from "../../aws/tunnel.js";
import { projectRoot } from "../../project.js";
import { readOutputs } from "../pulumi.js";
import { openSession, type Session } from "../session.js";

/** How to reach the machines of a stack with OpenSSH. */
export interface SshAccess {
  /** Machine name → "root@203.0.113.10". */
  targets: Record<string, string>;
  /** Service → names of the machines that run it. */
  services: Record<string, string[]>;
  /** Options for ssh: the stack's key and the pinned host keys. The first value of one holds: others go before these. */
  options: string[];
  /** The machines are on AWS, where no command switches on what is off. */
  onAws: boolean;
}

/** Opens a shell on a machine, or runs one command there and takes over its exit code. */
export async function ssh(
  machine: string | undefined,
  command: string[],
  options: { stack: string; local?: boolean },
): Promise<void> {
  const session = await openSession(options);
  const access = await sshAccess(session);
  const target = chooseMachine(access, machine);
  const result = await execa("ssh", [...access.options, target, ...command], {
    stdio: "inherit",
    reject: false,
  });
  if (result.code === "ENOENT") throw noOpenSsh();
  process.exitCode = result.exitCode ?? 1;
}

/**
 * Writes the stack's key and its machines' host keys where OpenSSH can read them (0600, below the stack's folder).
 * @param outputs with their secrets, where they are known already
 * @throws CliError when the stack is not up
 */
export async function sshAccess(session: Session, outputs?: Record<string, unknown>): Promise<SshAccess> {
  const found = (outputs ?? (await readOutputs(session.pulumi, { secrets: true }))) as {
    ssh?: Record<string, string>;
    services?: Record<string, string[]>;
    tunnels?: Record<string, InstanceConnectEndpoint>;
    deployKey?: string;
    knownHosts?: string;
  };
  if (!found.ssh || !found.services || !found.deployKey || !found.knownHosts) {
    throw new CliError("the stack has no machines yet", "Run ./dukaan up first.", ExitCode.precondition);
  }
  const folder = join(session.stack.directory, "ssh");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const key = join(folder, "key");
  const knownHosts = join(folder, "known_hosts");
  await writeFile(key, found.deployKey, { mode: 0o600 });
  await writeFile(knownHosts, found.knownHosts, { mode: 0o600 });
  return {
    targets: found.ssh,
    services: found.services,
    onAws: found.tunnels !== undefined && Object.keys(found.tunnels).length > 0,
    options: [
      "-i",
      key,
      ...[
        "IdentitiesOnly=yes",
        `UserKnownHostsFile=${knownHosts}`,
        "StrictHostKeyChecking=yes",
        "ConnectTimeout=10",
        // One that loses its power in the middle of a command says nothing any more: it is waited for a minute, not
        // for ever.
        "ServerAliveInterval=15",
        "ServerAliveCountMax=3",
        "LogLevel=ERROR",
        ...throughTunnel(found.ssh, found.tunnels),
      ].flatMap((option) => ["-o", option]),
    ],
  };
}

/**
 * The option by which ssh reaches machines behind a door: a command of ours.
 * @throws CliError when machines are behind several doors, or only some of them behind one
 */
function throughTunnel(
  targets: Readonly<Record<string, string>>,
  tunnels: Readonly<Record<string, InstanceConnectEndpoint>> = {},
): string[] {
  const commands = new Set(Object.keys(targets).map((name) => tunnels[name] && proxyCommand(tunnels[name])));
  if (commands.size > 1) {
    throw new CliError(
      "the stack's machines are reached in different ways, which is not built yet",
      "Use a stack with one region.",
      ExitCode.precondition,
    );
  }
  return [...commands].flatMap((command) => (command === undefined ? [] : [`ProxyCommand=${command}`]));
}

/** For the caller's shell; ssh puts in address and port, and reads two percent signs as one. */
function proxyCommand({ endpointId, dnsName, region }: InstanceConnectEndpoint): string {
  const main = join(projectRoot, "dist/src/cli/main.js");
  const words = [process.execPath, main, "ssh-proxy", "--endpoint", endpointId, "--dns-name", dnsName];
  return `${commandLine([...words, "--region", region]).replaceAll("%", "%%")} %h %p`;
}

/** The same access over connections that stay open, so that no command waits for one. Close it at the end. */
export async function keepConnections(
  access: SshAccess,
): Promise<SshAccess & { close: () => Promise<void> }> {
  // Short: the path of a Unix socket has room for 107 bytes.
  const folder = await mkdtemp(join(tmpdir(), "dukaan-ssh-"));
  const sharing = [
    "ControlMaster=auto",
    `ControlPath=${join(folder, "%C")}`,
    "ControlPersist=60",
    // A machine that is gone is noticed soon.
    "ServerAliveInterval=2",
    "ServerAliveCountMax=2",
  ];
  const options = [...sharing.flatMap((option) => ["-o", option]), ...access.options];
  const close = async () => {
    for (const target of Object.values(access.targets))
      await execa("ssh", [...options, "-O", "exit", target], { reject: false, stdin: "ignore" });
    await rm(folder, { recursive: true, force: true });
  };
  return { ...access, options, close };
}

/**
 * The machines that run a service, as ssh targets by name.
 * @throws CliError when there is none
 */
export function machinesRunning({ targets, services }: SshAccess, service: string): Record<string, string> {
  const names = services[service] ?? [];
  const found = Object.entries(targets).filter(([name]) => names.includes(name));
  if (services[service]?.length === 0) throw runByProvider(service);
  if (found.length === 0) {
    throw new CliError(
      `no machine of the stack runs ${service}`,
      "Run ./dukaan up, which mends it.",
      ExitCode.precondition,
    );
  }
  return Object.fromEntries(found);
}

/** One command on a machine; `exitCode` is 255 when it does not answer. */
export async function askMachine(
  access: SshAccess,
  target: string,
  command: string[],
  options: string[] = [],
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const arguments_ = [...options, ...access.options, target, commandLine(command)];
  const { exitCode, stdout, stderr } = await execa("ssh", arguments_, {
    reject: false,
    stdin: "ignore",
  });
  return { exitCode: exitCode ?? 255, stdout, stderr };
}

/** How long a machine that answers may take to do so, in seconds: on AWS a tunnel is asked for, and opened, before. */
export function answersWithin({ onAws }: SshAccess): number {
  return onAws ? 15 : 5;
}

/**
 * Options for {@link askMachine} where a machine may be lost: one that is gone, or hangs, is given up after ten seconds,
 * on AWS twice that.
 */
export function lostSoon(access: SshAccess): string[] {
  return [
    `ConnectTimeout=${answersWithin(access)}`,
    "ServerAliveInterval=5",
    "ServerAliveCountMax=2",
  ].flatMap((option) => ["-o", option]);
}

/** Words as the machine's shell takes them, each as it is. */
export function commandLine(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
}

/**
 * Runs a command on a machine and returns what it printed.
 * @throws CliError with what it said when it fails
 */
export async function runOnMachine(
  access: SshAccess,
  target: string,
  command: string[],
  options: string[] = [],
): Promise<string> {
  const { exitCode, stdout, stderr } = await askMachine(access, target, command, options);
  if (exitCode === 0) return stdout.trim();
  const said = (stderr || stdout).trim();
  if (exitCode === 255) {
    throw new CliError(
      `the machine does not answer: ${said}`,
      access.onAws ? `${runsOnAws} ./dukaan up makes anew what is gone.` : "Run ./dukaan up, which mends it.",
    );
  }
  throw new CliError(
    said || `${command.slice(0, 2).join(" ")} ended with ${exitCode}`,
    "Correct the cause and run the same command again.",
  );
}

/** What to see to where a machine on AWS does not answer. */
export const runsOnAws =
  "See that its instance runs (aws ec2 describe-instances; no command here starts one) and that your credentials are good (aws sts get-caller-identity), then run the same command again.";

/** @throws CliError (usage) that names the machines there are */
export function chooseMachine(access: SshAccess, name: string | undefined): string {
  const names = Object.keys(access.targets);
  const target =
    name === undefined && names.length === 1 ? access.targets[names[0]!] : access.targets[name ?? ""];
  if (target === undefined) {
    throw new CliError(
      name === undefined ? "the stack has several machines" : `the stack has no machine "${name}"`,
      `Name one of: ${names.join(", ")}.`,
      ExitCode.usage,
    );
  }
  return target;
}

/** What commands say that look for a machine where the provider does what it would. */
export function runByProvider(service: string): CliError {
  return new CliError(
    `the provider runs this stack's ${service}, and no machine of the stack does`,
    "What is done instead is in docs/aws.md, below: A database that AWS runs.",
    ExitCode.refused,
  );
}

/** What commands say that need OpenSSH's client where there is none. */
export function noOpenSsh(): CliError {
  return new CliError(
    "the program ssh is not on this computer",
    "Install OpenSSH's client (Debian: apt-get install openssh-client).",
    ExitCode.precondition,
  );
}
