import { isDeepStrictEqual } from "node:util";
import type { Cloud } from "../api/cloud.js";
import type { ControlGroups } from "../machines/cgroups.js";
import type { NetworkAttachment } from "../machines/host.js";
import type { Instance } from "../machines/instance.js";
import type { MachineRecord } from "../machines/records.js";
import type { State } from "../state/database.js";

/** Something about which the state and the computer do not tell the same story. */
export interface Difference {
  /** e.g. "server 10000000007 (web)" */
  subject: string;
  /** In words, what each says. */
  difference: string;
}

/** One look at an instance: what all parts of it compare, and where they say what differs. */
export interface Look {
  instance: Instance;
  groups: ControlGroups;
  cloud: Pick<Cloud, "state" | "catalog">;
  /** What the computer has on record, by id. */
  machines: ReadonlyMap<string, MachineRecord>;
  /** Ids of the machines that run. */
  running: ReadonlySet<string>;
  /** Ids of what an action is changing just now, by type and id, e.g. "server:7": not looked at. */
  busy: ReadonlySet<string>;
  differ(subject: string, difference: string): void;
}

/** Reports when what is on the computer is not what the state asks for. Absent and undefined are the same. */
export function compare(look: Look, subject: string, what: string, found: unknown, wanted: unknown): void {
  if (isDeepStrictEqual(plain(found), plain(wanted))) return;
  look.differ(subject, `${what}: the computer has ${brief(found)}, the state says ${brief(wanted)}`);
}

/** Reports what one of two sets of names has and the other lacks. */
export function compareSets(
  look: Look,
  subject: string,
  what: string,
  found: Iterable<string>,
  wanted: Iterable<string>,
): void {
  const [here, there] = [new Set(found), new Set(wanted)];
  for (const name of here) if (!there.has(name)) look.differ(subject, `${what} ${name} is one too many`);
  for (const name of there) if (!here.has(name)) look.differ(subject, `${what} ${name} is missing`);
}

/** What an attachment is asked to be: without the name of the interface, which the computer chooses. */
export const asked = ({ networkId, ip, aliasIps, macAddress }: NetworkAttachment): NetworkAttachment => ({
  networkId,
  ip,
  aliasIps,
  macAddress,
});

export const subjectOf = (kind: string, row: { id: number; name: string }): string =>
  `${kind} ${row.id} (${row.name})`;

/** The servers, networks, … that an action is about that has not ended. */
export function busyResources(state: State): Set<string> {
  const rows = state.all<{ type: string; resource_id: number }>(
    "SELECT type, resource_id FROM action_resources JOIN actions ON id = action_id WHERE status = 'running'",
  );
  return new Set(rows.map(({ type, resource_id: id }) => `${type}:${id}`));
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null));

function brief(value: unknown): string {
  const text = JSON.stringify(value ?? null);
  return text.length <= 300 ? text : `${text.slice(0, 300)}…`;
}
