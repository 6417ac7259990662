import { execa } from "execa";
import type { Finding } from "./finding.js";
import { judge, unreachable } from "./judge.js";
import { parseReport } from "./parse.js";
import type { MachineReport } from "./report.js";
import { collectionScript } from "./script.js";

/** What is known of a machine after a look at it. */
export interface Examined {
  machine: string;
  /** Absent when it could not be asked. */
  report?: MachineReport;
  findings: Finding[];
}

/**
 * Looks at one machine over one SSH connection, for at most 15 s once it answers. It only reads, and it never throws: a
 * machine that cannot be asked is a finding.
 * @param target e.g. "root@203.0.113.10"
 * @param sshOptions key and known hosts
 * @param seconds how long it may take to answer at all
 */
export async function examine(
  machine: string,
  target: string,
  sshOptions: readonly string[],
  minutes: number,
  seconds: number,
): Promise<Examined> {
  const started = Date.now() / 1000;
  const quick = ["-o", "BatchMode=yes", "-o", `ConnectTimeout=${seconds}`, "-o", "ServerAliveInterval=4"];
  const most = seconds + 15;
  const result = await execa("ssh", [...quick, ...sshOptions, target, "sh", "-s"], {
    input: collectionScript(minutes),
    timeout: most * 1000,
    reject: false,
  });
  let report: MachineReport;
  try {
    report = parseReport(result.stdout);
  } catch {
    const why = result.timedOut
      ? `it let us in and did not finish its answer within ${most} s`
      : result.stderr.trim() || `its answer ended early (exit code ${result.exitCode})`;
    return { machine, findings: [unreachable(machine, target, why)] };
  }
  // Its clock was read after the login, which may take seconds: right is what lies between.
  const ended = Date.now() / 1000;
  const clockOffsetSeconds = report.time - Math.min(Math.max(report.time, started), ended);
  return { machine, report, findings: judge(report, { machine, clockOffsetSeconds, now: started }) };
}
