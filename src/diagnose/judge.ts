import { judgeDatabase } from "./judge-database.js";
import { judgeLoad } from "./judge-load.js";
import { judgeMachine } from "./judge-machine.js";
import { judgeRequests } from "./judge-requests.js";
import { judgeServices } from "./judge-services.js";
import { type Circumstances, type Finding, inOrder, runbookSection } from "./finding.js";
import type { MachineReport } from "./report.js";

/** Says what is wrong with a machine, worst and first causes first. Pure: the same report gives the same findings. */
export function judge(report: MachineReport, circumstances: Circumstances): Finding[] {
  const found = [
    ...judgeMachine(report, circumstances),
    ...judgeServices(report),
    ...judgeDatabase(report, circumstances),
    ...judgeLoad(report),
    ...judgeRequests(report),
  ];
  const { machine } = circumstances;
  return inOrder(
    found.map((finding) =>
      Object.assign(finding, {
        machine,
        remedy: finding.remedy.map((text) =>
          text.replaceAll("./dukaan ssh -- ", `./dukaan ssh ${machine} -- `),
        ),
        runbook: runbookSection(finding.code),
      }),
    ),
  );
}

/** What it means that a machine could not be asked. */
export function unreachable(machine: string, target: string, reason: string): Finding {
  return {
    severity: "critical",
    code: "unreachable",
    machine,
    what: "The machine does not answer over SSH.",
    evidence: [`${target}: ${reason}`],
    remedy: [
      "See whether it exists and runs: `./dukaan local status`, or the cloud's console.",
      "Off: power it on there. Gone: `./dukaan up` makes it anew; its data comes from a backup.",
      "Running and silent: its console shows why; it may be out of memory. A reset from the console is the last resort.",
    ],
    runbook: runbookSection("unreachable"),
  };
}
