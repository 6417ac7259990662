import { spawn } from "node:child_process";
import { open } from "node:fs/promises";
import type { ControlGroups } from "./cgroups.js";
import { namespacePath, setKernel } from "./namespaces.js";
import { NOTE_PID } from "./pid-file.js";

export interface ConfinedProcess {
  /** Network namespace; it must be there. */
  namespace: string;
  /** Control group; it must be there. Its end is the process's end too. */
  group: string;
  /** What it says; each start begins it anew. */
  log: string;
  /** Program and arguments. */
  command: string[];
  /** Names the process while it runs. */
  pidFile?: string;
  /** Secrets among them are in no argument. */
  environment?: Record<string, string> | undefined;
}

/**
 * Starts a server that outlives us, in a network namespace and a control group, without capabilities and with nothing
 * of our environment.
 *
 * @returns `ended` resolves when it ends, with how in words; whether it serves is the caller's to find out
 */
export async function startConfined(
  groups: ControlGroups,
  { namespace, group, log: logFile, command, pidFile, environment }: ConfinedProcess,
): Promise<{ ended: Promise<string> }> {
  // Its ports may be below 1024.
  await setKernel(namespace, { "net.ipv4.ip_unprivileged_port_start": "0" });
  const join = 'for group in $OWN_GROUPS; do echo 0 >"$group" || exit 90; done';
  const note = pidFile === undefined ? "" : `${NOTE_PID}; `;
  const script = `${join}; ${note}unset OWN_GROUPS PID_FILE; exec "$@"`;
  const confine = ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"];
  const inNamespace = ["nsenter", `--net=${namespacePath(namespace)}`, ...confine];
  const log = await open(logFile, "w", 0o600);
  const child = spawn("sh", ["-c", script, "sh", ...inNamespace, ...command], {
    detached: true,
    cwd: "/",
    stdio: ["ignore", log.fd, log.fd],
    env: {
      PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
      OWN_GROUPS: groups.joinFiles(group).join(" "),
      ...(pidFile !== undefined && { PID_FILE: pidFile }),
      ...environment,
    },
  });
  child.unref();
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(code === null ? `signal ${signal}` : `exit code ${code}`));
  });
  await log.close();
  return { ended };
}
