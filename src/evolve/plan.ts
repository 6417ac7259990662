import { topologyOf } from "../../stacks/index.js";
import type { Settings } from "../settings/schema.js";
import type { Stage } from "../topology/stages.js";
import { type Machine, type Topology, machinesOf } from "../topology/topology.js";

/** How a stack gets from one stage to another. Plain data: the same settings give the same plan. */
export interface Evolution {
  from: Stage;
  to: Stage;
  /** The machine that the database moves from and to; absent: it stays where it is. */
  moves?: { from: string; to: string };
  /** Machines that are made. */
  creates: readonly MachineChange[];
  /** Machines that nothing runs on afterwards. They stay until `--finish`. */
  retires: readonly MachineChange[];
  /** What the settings are while the other database follows, and afterwards. */
  settings: { during: StageSettings; after: StageSettings; finished: StageSettings };
}

export type StageSettings = Pick<Settings, "stage" | "joining" | "leaving">;

export interface MachineChange {
  name: string;
  serverType: string;
}

/**
 * Plans the way from the stage that the settings name to another one.
 * @throws RangeError when one of the stages is not built
 */
export function planEvolution(settings: Settings, to: Stage): Evolution {
  const { joining: _joining, leaving: _leaving, ...plain } = settings;
  const from = settings.stage;
  const before = topologyOf(plain);
  const after = topologyOf({ ...plain, stage: to });
  const [source, target] = [databaseIn(before), databaseIn(after)];
  return {
    from,
    to,
    ...(source === target ? {} : { moves: { from: source, to: target } }),
    creates: missing(after, before),
    retires: missing(before, after),
    settings: {
      during: { stage: from, joining: to as NonNullable<Settings["joining"]> },
      after: { stage: to, leaving: from as NonNullable<Settings["leaving"]> },
      finished: { stage: to },
    },
  };
}

/** The plan for a person: what is made, what moves, what the shop notices, how to go back. */
export function describeEvolution({ from, to, moves, creates, retires }: Evolution): string {
  const list = (machines: readonly MachineChange[]) =>
    machines.length === 0
      ? "nothing"
      : machines.map(({ name, serverType }) => `${name} (${serverType})`).join(", ");
  const lines = [
    `${from} → ${to}`,
    "",
    `  makes      ${list(creates)}`,
    `  moves      ${moves ? `the database from ${moves.from} to ${moves.to}` : "nothing"}`,
    `  retires    ${list(retires)}`,
  ];
  if (moves) {
    lines.push(
      "  pause      one to two seconds: queries wait while the last of the WAL is replayed; none is refused",
      `  back       until the switch: ./dukaan evolve ${to} --abort. After it: ./dukaan evolve ${to} --finish, then`,
      `             ./dukaan evolve ${from}; the old database is kept, stopped, until --finish`,
      "",
      "  1. a backup, and the archive is checked",
      `  2. pulumi up: ${moves.to} follows the database as a standby`,
      "  3. the switch: hold queries back, wait until the standby has everything, compare every table, end the old",
      "     database for good, promote the standby, lead the queries there",
      `  4. pulumi up: stage ${to}`,
      "  5. the shop answers; a backup of the new database",
    );
  }
  return `${lines.join("\n")}\n`;
}

function databaseIn(topology: Topology): string {
  const [machine] = machinesOf(topology, "postgresql");
  if (!machine) throw new RangeError(`stage ${topology.stage} has no database`);
  return machine.name;
}

function missing(from: Topology, inside: Topology): MachineChange[] {
  const there = new Set(inside.machines.map(({ name }) => name));
  return from.machines
    .filter(({ name }) => !there.has(name))
    .map(({ name, serverType }: Machine) => ({ name, serverType }));
}
