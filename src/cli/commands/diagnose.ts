import { styleText } from "node:util";
import { type Examined, examine } from "../../diagnose/examine.js";
import { type Finding, inOrder, mebibytes, percent } from "../../diagnose/finding.js";
import { CliError, ExitCode } from "../errors.js";
import { readOutputs } from "../pulumi.js";
import { examineGroups, groupSummary } from "../server-groups.js";
import { openSession } from "../session.js";
import { stopwatch } from "../stopwatch.js";
import { answersWithin, sshAccess } from "./ssh.js";

interface DiagnoseOptions {
  stack: string;
  local?: boolean;
  minutes: string;
  json?: boolean;
}

/**
 * Looks at every machine of the stack and at the groups of machines that AWS starts by itself, changes nothing, and says in
 * order what is wrong and what to do about it. Exit code 0: nothing critical; 1: something critical.
 */
export async function diagnose(options: DiagnoseOptions): Promise<void> {
  const minutes = Number(options.minutes);
  if (!(minutes >= 0.1 && minutes <= 1440)) {
    throw new CliError(
      `--minutes is "${options.minutes}"`,
      "Give a number from 0.1 to 1440.",
      ExitCode.usage,
    );
  }
  const elapsed = stopwatch();
  const session = await openSession(options);
  const outputs = await readOutputs(session.pulumi, { secrets: true });
  const access = await sshAccess(session, outputs);
  const within = answersWithin(access);
  const [examined, groups] = await Promise.all([
    Promise.all(
      Object.entries(access.targets).map(([machine, target]) =>
        examine(machine, target, access.options, minutes, within),
      ),
    ),
    examineGroups(session.stack.name, outputs, within),
  ]);
  const findings = inOrder([...examined, ...groups].flatMap((each) => each.findings));
  const healthy = !findings.some(({ severity }) => severity === "critical");
  const seconds = elapsed();
  if (options.json) {
    const machines = examined.map(({ machine, report }) => ({
      machine,
      reachable: report !== undefined,
      ...(report && {
        report: { ...report, certificates: report.certificates.map(({ file, by }) => ({ file, by })) },
      }),
    }));
    const told = {
      stack: options.stack,
      healthy,
      seconds,
      findings,
      machines,
      groups: groups.map(({ group, state, report }) => ({
        group,
        reachable: state !== "not reached",
        report,
      })),
    };
    process.stdout.write(`${JSON.stringify(told, undefined, 2)}\n`);
  } else {
    const lines = [...examined.map(summary), ...groups.map(groupSummary), "", ...findings.flatMap(describe)];
    if (findings.length === 0) lines.push("Nothing is wrong.");
    process.stdout.write(`${lines.join("\n")}\n\n${seconds.toFixed(1)} s\n`);
  }
  if (!healthy) process.exitCode = ExitCode.failed;
}

function summary({ machine, report }: Examined): string {
  if (report === undefined) return `${machine}  not reached`;
  const { cpu, load, memory, disks, web, requests, app, databaseLatency } = report;
  const root = disks.find(({ path }) => path === "/");
  const rate = requests.seconds > 0 ? requests.count / requests.seconds : 0;
  return [
    machine,
    `processor ${percent(cpu.used)}`,
    `load ${load[0]}`,
    `memory ${mebibytes(memory.totalKiB - memory.availableKiB)} of ${mebibytes(memory.totalKiB)}`,
    ...(root ? [`disk ${percent(1 - root.freeKiB / root.totalKiB)}`] : []),
    `${web.sockets} connections`,
    `${rate.toFixed(0)} requests/s`,
    ...(databaseLatency
      ? [`database ${databaseLatency.query.p50} ms (p99 ${databaseLatency.query.p99} ms)`]
      : []),
    ...(typeof app === "object" ? [`event loop ${Math.round(app.eventLoopLagSeconds * 1000)} ms`] : []),
  ].join("  ");
}

function describe(finding: Finding, index: number): string[] {
  const colour = { critical: "red", warning: "yellow", notice: "cyan" } as const;
  const severity = styleText(colour[finding.severity], finding.severity.toUpperCase(), {
    stream: process.stdout,
  });
  return [
    `${index + 1}. ${severity} ${finding.machine}: ${finding.what}`,
    ...finding.evidence.map((line) => `     ${line}`),
    ...finding.remedy.map((line) => `   → ${line}`),
    `   ${finding.runbook}`,
    "",
  ];
}
