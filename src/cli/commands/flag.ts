import { hostname, userInfo } from "node:os";
import { execa } from "execa";
import { CliError, ExitCode } from "../errors.js";
import { openSession } from "../session.js";
import { machinesRunning, noOpenSsh, sshAccess } from "./ssh.js";

interface FlagOptions {
  stack: string;
  local?: boolean;
  json?: boolean;
}

/** What the release's flag.mjs prints. */
interface Answer {
  /** Whether the flag was the other way before. */
  changed: boolean;
  flags: { name: string; enabled: boolean; description: string; updatedAt: string | null }[];
}

/** sysexits(3): how flag.mjs says that there is no such flag. */
const EX_USAGE = 64;

export type FlagAction = "list" | "on" | "off";

/**
 * Lists the feature flags of a stack's shop, or switches one: without a release, within a second, on all app servers. The
 * machine's journal says who did it (journalctl --identifier dukaan-flag).
 */
export async function flag(
  action: FlagAction,
  name: string | undefined,
  options: FlagOptions,
): Promise<void> {
  // Nothing else can be the name of a flag, and it becomes part of a script.
  if (name !== undefined && !/^[a-z_]{1,40}$/.test(name))
    throw new CliError(
      `"${name}" is no name of a flag`,
      "Small letters and underscores; `./dukaan flag list` shows them.",
      ExitCode.usage,
    );
  const session = await openSession(options);
  const access = await sshAccess(session);
  const [machine = ""] = Object.values(machinesRunning(access, "api"));
  const result = await execa("ssh", [...access.options, machine, "sh", "-s"], {
    input: remoteScript(action, name),
    reject: false,
  });
  if (result.code === "ENOENT") throw noOpenSsh();
  if (result.exitCode === EX_USAGE) {
    const [what = "", ...known] = result.stderr.trim().split("\n");
    throw new CliError(what, `There are:\n${known.slice(1).join("\n")}`, ExitCode.usage);
  }
  if (result.exitCode !== 0)
    throw new CliError(
      `the flags cannot be reached: ${(result.stderr || result.stdout).trim()}`,
      "Look at what is wrong with ./dukaan diagnose.",
    );
  const answer = JSON.parse(result.stdout) as Answer;
  process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : describe(answer, name));
}

// Runs on the machine as the app's user with the environment of the active release; nothing secret is an argument.
function remoteScript(action: FlagAction, name = ""): string {
  const who = `${userInfo().username}@${hostname()}`.replaceAll(/[^\w.@-]/g, "?");
  return `set -eu
release=/opt/dukaan/releases/api/current
set -a; . "$release/env"; set +a
answer=$(runuser -u dukaan --preserve-environment -- "$release/node" "$release/flag.mjs" ${action} ${name})
${action === "list" ? "" : `case $answer in '{"changed":true'*) logger --tag dukaan-flag '${name} switched ${action} by ${who}';; esac`}
printf '%s\\n' "$answer"
`;
}

function describe({ changed, flags }: Answer, name: string | undefined): string {
  const chosen = name === undefined ? flags : flags.filter((one) => one.name === name);
  const lines = chosen.map(({ name: title, enabled, description, updatedAt }) =>
    [
      title.padEnd(14),
      (enabled ? "on" : "off").padEnd(4),
      description,
      ...(updatedAt === null ? [] : [`(switched ${updatedAt})`]),
    ].join(" "),
  );
  if (name !== undefined && !changed) lines.push("It was that way already.");
  return `${lines.join("\n")}\n`;
}
