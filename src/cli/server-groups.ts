import type { InstanceConnectEndpoint } from "../aws/tunnel.js";
import type { ExaminedGroup } from "../diagnose/examine-group.js";
import { groupNotReached, inService } from "../diagnose/judge-group.js";
import { groupName } from "../topology/server-groups.js";

/** What of a stack's outputs says where its groups are. */
interface GroupOutputs {
  /** Names. */
  groups?: readonly string[];
  /** How its machines on AWS are reached: they are in the one region of their endpoint, and so are the groups. */
  tunnels?: Readonly<Record<string, InstanceConnectEndpoint>>;
}

/**
 * Looks at the groups of machines that AWS starts by itself, beside the stack's own. Loads AWS's SDK where there are some.
 * @param stack its name
 * @param seconds how long AWS may take to answer
 */
export async function examineGroups(
  stack: string,
  { groups = [], tunnels = {} }: GroupOutputs,
  seconds: number,
): Promise<ExaminedGroup[]> {
  if (groups.length === 0) return [];
  const [door] = Object.values(tunnels);
  if (!door) {
    const why = "the stack does not say in which region it is";
    const remedy = [`\`./dukaan up --stack ${stack}\` writes its outputs anew.`];
    return groups.map((group) => ({
      group,
      state: "not reached",
      findings: [groupNotReached(group, groupName(stack, { name: group }), why, remedy)],
    }));
  }
  const { examineGroup } = await import("../diagnose/examine-group.js");
  return Promise.all(
    groups.map((name) => examineGroup(stack, name, groupName(stack, { name }), door.region, seconds)),
  );
}

const passing = new Set<string>(["group-activity-failed", "group-unhealthy"]);

/**
 * What is wrong with the groups of a stack whose shop answers.
 * @param stack its name
 */
export async function groupWarnings(stack: string, outputs: GroupOutputs): Promise<string[]> {
  const examined = await examineGroups(stack, outputs, 15);
  return (
    examined
      .flatMap(({ findings }) => findings)
      // What may be over by now: a failure within the last hour, too few (but not none) that serve at this moment, a machine
      // that the load balancer asks again in seconds.
      .filter(({ severity, code }) => severity !== "notice" && !passing.has(code))
      .map(({ machine, what }) => `${machine}: ${what} See ./dukaan diagnose --stack ${stack}.`)
  );
}

/** One line, beside those of machines. */
export function groupSummary({ group, state, report }: ExaminedGroup): string {
  if (state !== "asked") return `${group}  ${state}`;
  const { desired, least, most, refresh } = report;
  return [
    group,
    `${inService(report)} of ${desired} in service`,
    `least ${least}`,
    `most ${most}`,
    ...(refresh ? [`latest refresh ${refresh.status} (${refresh.percent} %)`] : []),
  ].join("  ");
}
