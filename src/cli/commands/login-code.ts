import { execa } from "execa";
import { fromJson, isRecord } from "../../settings/structured.js";
import { CliError, ExitCode } from "../errors.js";
import { openSession } from "../session.js";
import { machinesRunning, noOpenSsh, sshAccess, type SshAccess } from "./ssh.js";

/** A sign-in code as the app has logged it. */
export interface LoginCode {
  /** `+91` and ten digits. */
  phone: string;
  code: string;
  /** When it was made, ISO 8601. */
  at: string;
}

/** How long a code can be used, in seconds; older ones are not shown. */
const CODE_SECONDS = 5 * 60;

// The app says which gateway it has before the codes, so that "none" and "they go out by SMS" can be told apart.
const remoteScript = `set -eu
grep -qx "SMS_GATEWAY='log'" /opt/dukaan/releases/api/current/env && echo log || echo webhook
journalctl --quiet --no-pager --unit 'dukaan-api@*' --since -${CODE_SECONDS}s --output cat --grep '"sign-in code"' || true
`;

/** Prints the sign-in codes of the last five minutes, the newest first, where the app logs them instead of sending them. */
export async function loginCode(options: { stack: string; local?: boolean; json?: boolean }): Promise<void> {
  const access = await sshAccess(await openSession(options));
  const answers = await Promise.all(
    Object.values(machinesRunning(access, "api")).map((target) => ask(access, target)),
  );
  if (!answers.some((answer) => answer.split("\n")[0] === "log")) {
    throw new CliError(
      `the codes of stack ${options.stack} go out by SMS and are written down nowhere`,
      "Look at the phone; to have them logged instead, set dukaan:sms to log.",
      ExitCode.precondition,
    );
  }
  const codes = answers.flatMap(parseCodes).toSorted((a, b) => b.at.localeCompare(a.at));
  if (options.json) {
    process.stdout.write(`${JSON.stringify(codes)}\n`);
    return;
  }
  if (codes.length === 0) {
    throw new CliError(
      "no code was asked for in the last five minutes",
      "Enter a mobile number on the sign-in page of the shop first.",
    );
  }
  for (const { phone, code, at } of codes) {
    const age = Math.max(0, Math.round((Date.now() - Date.parse(at)) / 1000));
    process.stdout.write(`${code}  ${phone}  ${age} s ago\n`);
  }
}

/** The codes among the lines of a journal. Lines that are no JSON, such as those of systemd, are passed over. */
export function parseCodes(journal: string): LoginCode[] {
  return journal.split("\n").flatMap((line) => {
    const entry = fromJson(line);
    if (!isRecord(entry)) return [];
    const { msg, phone, code, time } = entry;
    return msg === "sign-in code" &&
      typeof phone === "string" &&
      typeof code === "string" &&
      typeof time === "string"
      ? [{ phone, code, at: time }]
      : [];
  });
}

async function ask({ options }: SshAccess, target: string): Promise<string> {
  const result = await execa("ssh", [...options, target, "sh", "-s"], { input: remoteScript, reject: false });
  if (result.code === "ENOENT") throw noOpenSsh();
  if (result.exitCode !== 0)
    throw new CliError(`${target} could not be asked for its codes`, result.stderr || "Is the stack up?");
  return result.stdout;
}
