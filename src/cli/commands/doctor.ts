import { inspectHost } from "../../../local/client.js";
import { inspectToolchain } from "../../../toolchain/index.js";
import { ExitCode } from "../errors.js";

/** Says of each tool where it was found, in which version, or what to do about it. Changes nothing. */
export async function doctor(options: { json?: boolean }): Promise<void> {
  const reports = [...(await inspectToolchain()), ...(await inspectHost())];
  if (options.json) {
    process.stdout.write(`${JSON.stringify(reports, undefined, 2)}\n`);
  } else {
    for (const report of reports) {
      const found = report.ok ? `${report.version ?? ""}  ${report.path ?? ""}` : report.remedy;
      const state = report.ok ? "ok" : isOptional(report) ? "not yet" : "MISSING";
      process.stdout.write(`${state.padEnd(7)}  ${report.tool.padEnd(26)} ${found}\n`);
    }
  }
  if (reports.some((report) => !report.ok && !isOptional(report))) process.exitCode = ExitCode.precondition;
}

function isOptional(report: object): boolean {
  return "optional" in report && report.optional === true;
}
