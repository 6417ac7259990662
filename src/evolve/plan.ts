import { topologyOf } from "../../stacks/index.js";
import type { Settings } from "../settings/schema.js";
import type { Stage } from "../topology/stages.js";
import { type Topology, machinesOf, memberOf } from "../topology/topology.js";

/** How a stack gets from one stage to another. Plain data: the same settings give the same plan. */
export interface Evolution {
  from: Stage;
  to: Stage;
  /** The machine that the database moves from and to; absent: it stays where it is. */
  moves?: { from: string; to: string };
  playbook: Playbook;
  /** The machine whose address the public knows, and will know, or "the load balancer"; absent: it stays the same. */
  entry?: {
    from: string;
    to: string;
    /** The stack has the records of its name, and changes them. */
    followed?: true;
  };
  /** Machines that are made. */
  creates: readonly MachineChange[];
  /** Machines that nothing runs on afterwards. They stay until `--finish`. */
  retires: readonly MachineChange[];
  /** What is done, in this order. A run that is cut off in one of them goes on when it is called again. */
  steps: readonly EvolutionStep[];
  /** What the settings are while the other database follows, and afterwards. */
  settings: { during: StageSettings; after: StageSettings; finished: StageSettings };
}

export type StageSettings = Pick<Settings, "stage" | "joining" | "leaving" | "playbook">;

/** By which way a database moves: a standby that takes over, or the book's: closed shop, dump, restore. */
export type Playbook = NonNullable<Settings["playbook"]>;

export interface EvolutionStep {
  name: StepName;
  /** What the command says when it begins with it. */
  says: string;
}

export type StepName =
  | "backup"
  | "follow"
  | keyof typeof says
  | keyof typeof saysByBook
  | "settle"
  | "backup-after";

/** The parts of the switch, and what is said when they begin. */
export const says = {
  compare: "comparing the tables",
  drain: "sending the WAL to the archive",
  hold: "holding queries back",
  end: "ending the old database",
  "take-over": "the standby takes over",
  lead: "leading queries there",
} as const;

/** The same of the move by the book. */
export const saysByBook = {
  shut: "closing the shop",
  "make-read-only": "making the old database read-only",
  copy: "copying the database",
  compare: "comparing the tables",
  end: "ending the old database",
  open: "opening the new database",
  reopen: "opening the shop",
} as const;

export interface MachineChange {
  name: string;
  serverType: string;
}

/**
 * Plans the way from the stage that the settings name to another one.
 * @param playbook by default that of the move that is under way
 * @throws RangeError when one of the stages is not built
 */
export function planEvolution(
  settings: Settings,
  to: Stage,
  playbook: Playbook = settings.playbook ?? "standby",
): Evolution {
  const { joining: _joining, leaving: _leaving, playbook: _playbook, ...plain } = settings;
  const from = settings.stage;
  const before = topologyOf(plain);
  const after = topologyOf({ ...plain, stage: to });
  const [source, target] = [databaseIn(before), databaseIn(after)];
  const [way, nextWay] = [entryIn(before), entryIn(after)];
  const moves = source === target ? undefined : { from: source, to: target };
  return {
    from,
    to,
    ...(moves && { moves }),
    playbook,
    ...(way === nextWay
      ? {}
      : { entry: { from: way, to: nextWay, ...(settings.hostedZone && { followed: true as const }) } }),
    creates: missing(after, before),
    retires: missing(before, after),
    steps: stepsOf(to, moves, playbook).filter(({ name }) => !settings.managed || name === "settle"),
    settings: {
      during: {
        stage: from,
        joining: to as NonNullable<Settings["joining"]>,
        ...(playbook === "book" && { playbook }),
      },
      after: { stage: to, leaving: from as NonNullable<Settings["leaving"]> },
      finished: { stage: to },
    },
  };
}

function stepsOf(to: Stage, moves: Evolution["moves"], playbook: Playbook): EvolutionStep[] {
  const backUp = "Backup of the database where it is now";
  const last: EvolutionStep[] = [
    { name: "settle", says: `Stage ${to} (pulumi up)` },
    { name: "backup-after", says: backUp },
  ];
  if (!moves) return last;
  return [
    { name: "backup", says: backUp },
    { name: "follow", says: `${ways[playbook].prepares(moves)} (pulumi up)` },
    ...Object.entries(ways[playbook].says).map(([name, words]) => ({ name: name as StepName, says: words })),
    ...last,
  ];
}

/** The plan for a person: what is made, what moves, what the shop notices, how to go back. */
export function describeEvolution(evolution: Evolution): string {
  const { from, to, moves, entry, playbook, creates, retires, steps } = evolution;
  const backsUp = steps.some(({ name }) => name === "backup-after");
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
  if (moves && entry) {
    lines.push(
      `  address    ${entry.to}'s instead of ${entry.from}'s`,
      "",
      "  Not in one go: ./dukaan evolve split",
    );
  } else if (moves) {
    const { prepares, pause, move } = ways[playbook];
    lines.push(
      ...pause,
      `  back       until the switch: ./dukaan evolve ${to} --abort. After it: ./dukaan evolve ${to} --finish, then`,
      `             ./dukaan evolve ${from}; the old database is kept, stopped, until --finish`,
      "",
      "  1. a backup, and the archive is checked",
      `  2. pulumi up: ${prepares(moves)}`,
      ...move,
      `  4. pulumi up: stage ${to}`,
      "  5. the shop answers; a backup of the new database",
    );
  } else if (entry) {
    lines.push(
      `  address    ${entry.to}'s instead of ${entry.from}'s; both lead to the shop until --finish. ${entry.followed ? "The records of its" : "A domain's record is"}`,
      entry.followed
        ? "             name in dukaan:hostedZone change with it"
        : "             yours to change in between; without a domain merchants sign in again at the new address",
      `  back       ./dukaan evolve ${to} --finish, then ./dukaan evolve ${from}`,
      "",
      `  1. pulumi up: stage ${to}, with ${entry.from} as a second way in`,
      `  2. the shop answers at its new address${backsUp ? "; a backup of the database" : ""}`,
    );
  }
  return `${lines.join("\n")}\n`;
}

/** What differs between the ways, with what is said of it. */
const ways = {
  standby: {
    says,
    prepares: ({ from, to }: NonNullable<Evolution["moves"]>) => `${to} follows the database of ${from}`,
    pause: [
      "  pause      less than a second, twice: queries wait while a moment is taken to compare the tables at, and while",
      "             the other database takes over; none is refused",
    ],
    move: [
      "  3. every table is compared, as it was at one moment; then the switch: hold queries back, end the old database",
      "     for good, wait until the standby has its last record, promote the standby, lead the queries there",
    ],
  },
  book: {
    says: saysByBook,
    prepares: ({ to }: NonNullable<Evolution["moves"]>) => `${to} gets an empty database`,
    pause: [
      "  pause      seconds to minutes: the shop is closed, with a page that says so, while the database is dumped and",
      "             restored; whoever comes meanwhile gets 503 and is asked to come back",
    ],
    move: [
      "  3. the move: close the shop, make the old database read-only, pg_dump, pg_restore, compare every table and",
      "     sequence, end the old database for good, lead the queries to the new one, open the shop",
    ],
  },
} as const satisfies Record<Playbook, unknown>;

/** The machine whose address the public knows, or the provider's load balancer. */
function entryIn(topology: Topology): string {
  const service = topology.entries[0]?.service ?? "";
  if (topology.loadBalancers?.some(({ name }) => name === service)) return "the load balancer";
  const [machine] = machinesOf(topology, service);
  if (!machine) throw new RangeError(`stage ${topology.stage} has no entry`);
  return machine.name;
}

function databaseIn(topology: Topology): string {
  if (topology.managedDatabase) return topology.managedDatabase.name;
  const [machine] = machinesOf(topology, "postgresql");
  if (!machine) throw new RangeError(`stage ${topology.stage} has no database`);
  return machine.name;
}

function missing(from: Topology, inside: Topology): MachineChange[] {
  const there = new Set(changeable(inside).map(({ name }) => name));
  return changeable(from).filter(({ name }) => !there.has(name));
}

/** Machines, and groups of them as one each. */
function changeable(topology: Topology): MachineChange[] {
  const groups = (topology.groups ?? []).map((group) => {
    const { name, serverType } = memberOf(topology, group);
    return { name, serverType: `${group.least} to ${group.most} ${serverType}` };
  });
  return [...topology.machines.map(({ name, serverType }) => ({ name, serverType })), ...groups];
}
