import type { Found } from "./finding.js";
import type { MachineReport, UnitState } from "./report.js";

/** In the order in which they need one another: the first that is down is the cause. */
const dependencies = ["postgresql", "pgbouncer", "dukaan-", "nginx", "ssh"];

/** What should run and does not. */
export function judgeServices(report: MachineReport): Found[] {
  return [...down(report), ...restarting(report), ...otherFailed(report)];
}

function isDown({ active, type }: UnitState): boolean {
  if (active === "active" || active === "reloading") return false;
  // A unit that does something once and ends is down only when it failed.
  return type !== "oneshot" || active === "failed";
}

function down({ units, errors }: MachineReport): Found[] {
  const rank = ({ name }: UnitState) =>
    (dependencies.findIndex((prefix) => name.startsWith(prefix)) + dependencies.length + 1) %
    (dependencies.length + 1);
  const stopped = units.filter(isDown).toSorted((a, b) => rank(a) - rank(b));
  const [cause] = stopped;
  if (cause === undefined) return [];
  const said = errors.filter((line) => line.includes(cause.name.split(/[@.]/)[0] ?? cause.name)).slice(-2);
  return [
    {
      severity: "critical",
      code: "service-down",
      what: `${stopped.map(({ name }) => name).join(", ")} should run and ${stopped.length === 1 ? "does" : "do"} not.`,
      evidence: [
        ...stopped.map(
          ({ name, active, sub, result, restarts }) =>
            `${name}: ${active} (${sub}), last result ${result}, restarted ${restarts} times`,
        ),
        ...said,
      ],
      remedy: [
        `See why: \`./dukaan ssh -- journalctl --unit '${cause.name}' --lines 50\`.`,
        `Start it: \`./dukaan ssh -- systemctl start '${cause.name}'\`${stopped.length > 1 ? "; what needs it starts after it" : ""}.`,
        cause.name.startsWith("dukaan-")
          ? "If it does not stay up after a deployment: `./dukaan rollback`."
          : "If its configuration was changed by hand: `./dukaan up` puts it back.",
      ],
    },
  ];
}

function restarting({ units, uptimeSeconds }: MachineReport): Found[] {
  const often = units.filter((unit) => !isDown(unit) && unit.restarts >= 3);
  if (often.length === 0) return [];
  return [
    {
      severity: "warning",
      code: "service-restarting",
      what: "A service was started again and again.",
      evidence: often.map(
        ({ name, restarts, result }) =>
          `${name}: ${restarts} times in ${Math.round(uptimeSeconds / 60)} minutes at most, last result ${result}`,
      ),
      remedy: [`See why: \`./dukaan ssh -- journalctl --unit '${often[0]?.name}' --lines 100\`.`],
    },
  ];
}

function otherFailed({ units, failedUnits }: MachineReport): Found[] {
  const known = new Set(units.map(({ name }) => name));
  const others = failedUnits.filter((name) => !known.has(name));
  if (others.length === 0) return [];
  return [
    {
      severity: "warning",
      code: "unit-failed",
      what: "Units have failed that the shop does not need to answer.",
      evidence: others,
      remedy: [
        `See why: \`./dukaan ssh -- systemctl status '${others[0]}'\`. When it is dealt with: \`./dukaan ssh -- systemctl reset-failed\`.`,
      ],
    },
  ];
}
