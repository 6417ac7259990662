import { timestamp, type Action } from "../state/actions.js";
import type { Cloud } from "./cloud.js";
import {
  type ApiError,
  type FieldMessages,
  invalidInput,
  isProtected,
  notFound,
  notUnique,
} from "./errors.js";
import { checkLabels, type Labels } from "./labels.js";
import { isRrsetName, wrongWith, type RecordType } from "./zone-records.js";
import type { ZoneSnapshot } from "./name-jobs.js";
import {
  findZone,
  nextSerial,
  rrsetOf,
  rrsetsOf,
  type RecordValue,
  type RrsetRow,
  type ZoneRow,
} from "./zone-rows.js";

/** A record set as requests have it. */
export interface RrsetInput {
  name: string;
  type: RecordType;
  ttl?: number | null;
  labels?: Labels;
  records: RecordValue[];
}

/**
 * Does `work`, which may change a zone, when no other change of it is under way.
 *
 * @param idOrName as in the path
 * @throws ApiError not_found, and what `work` throws
 */
export async function inTurn<T>(cloud: Cloud, idOrName: string, work: (zone: ZoneRow) => T): Promise<T> {
  const { id } = findZone(cloud.state, idOrName);
  return cloud.actions.inTurn({ type: "zone", id }, () => work(findZone(cloud.state, String(id))));
}

/** Resolves when no zone is being deleted: should that fail, it is there again, and so is its name. */
export async function deletionsOver({ state, actions }: Cloud): Promise<void> {
  for (const { id } of state.all<{ id: number }>(
    `SELECT resource_id AS id FROM action_resources JOIN actions ON id = action_id
     WHERE status = 'running' AND command = 'delete_zone'`,
  )) {
    await actions.inTurn({ type: "zone", id }, () => undefined);
  }
}

/**
 * Changes a zone, {@link inTurn}: `work` writes what it should be, the serial goes up, and the name server follows. What it does not
 * take is undone. All or nothing.
 */
export function changeZone(cloud: Cloud, zone: ZoneRow, command: string, work: () => void): Action {
  const { state, actions } = cloud;
  return state.transaction(() => {
    const before: ZoneSnapshot = { zone, rrsets: rrsetsOf(state, zone.id) };
    work();
    state.update("zones", zone.id, { serial: nextSerial(zone.serial) });
    return actions.start(command, [{ type: "zone", id: zone.id }], { before: JSON.stringify(before) });
  });
}

/** @throws ApiError not_found */
export function findRrset(cloud: Cloud, zone: ZoneRow, name: string, type: string): RrsetRow {
  const row = rrsetOf(cloud.state, zone.id, name, type);
  if (!row) throw notFound("rrset", `${name}/${type}`);
  return row;
}

/** @throws ApiError protected */
export function requireChangeable(rrset: RrsetRow | undefined): void {
  if (rrset?.protection_change) throw isProtected("rrset", "changed");
}

/** Makes an error of what is wrong with fields of a record set, e.g. with where in a request that is. */
export type Complaint = (messages: FieldMessages) => ApiError;

/**
 * @param wrong the request itself is the record set when there is none
 * @throws ApiError invalid_input that names each wrong field; uniqueness_error
 */
export function insertRrset(
  cloud: Cloud,
  zone: ZoneRow,
  input: RrsetInput,
  wrong: Complaint = invalidInput,
): void {
  const { state } = cloud;
  if (!isRrsetName(input.name, zone.name)) {
    throw wrong({
      name: [`'${input.name}' must be @ or lower case labels, without the zone's name and a dot at the end`],
    });
  }
  if (rrsetOf(state, zone.id, input.name, input.type)) throw notUnique("rrset", "name and type");
  checkRecords(input.type, input.records, wrong);
  state.insert("zone_rrsets", {
    zone_id: zone.id,
    name: input.name,
    type: input.type,
    ttl: input.ttl ?? null,
    records: JSON.stringify(normal(input.type, input.records)),
    labels: JSON.stringify(checkLabels(input.labels ?? {})),
    created: timestamp(),
  });
  requireFitting(cloud, zone, input.name, wrong);
}

/** Writes a record set's records; without any it goes. */
export function writeRecords(cloud: Cloud, zone: ZoneRow, rrset: RrsetRow, records: RecordValue[]): void {
  const where = [zone.id, rrset.name, rrset.type] as const;
  if (records.length === 0) {
    requireRemovable(rrset);
    cloud.state.run("DELETE FROM zone_rrsets WHERE zone_id = ? AND name = ? AND type = ?", ...where);
    return;
  }
  checkRecords(rrset.type, records, invalidInput);
  cloud.state.run(
    "UPDATE zone_rrsets SET records = ? WHERE zone_id = ? AND name = ? AND type = ?",
    JSON.stringify(normal(rrset.type, records)),
    ...where,
  );
}

/** @throws ApiError invalid_input: without these a zone is none */
export function requireRemovable({ name, type }: RrsetRow): void {
  if (name === "@" && (type === "SOA" || type === "NS")) {
    throw invalidInput({ rr_type: [`the ${type} records of a zone itself cannot be removed`] });
  }
}

function checkRecords(type: RecordType, records: RecordValue[], wrong: Complaint): void {
  const messages: FieldMessages = {};
  for (const [index, { value }] of records.entries()) {
    const why = wrongWith(type, value);
    if (why !== undefined) messages[`records.${index}.value`] = [why];
  }
  if (Object.keys(messages).length > 0) throw wrong(messages);
  if (new Set(records.map(({ value }) => value)).size < records.length) {
    throw wrong({ records: ["must be different from each other"] });
  }
  if ((type === "CNAME" || type === "SOA") && records.length > 1) {
    throw wrong({ records: [`there can be only one ${type} record of a name`] });
  }
}

/** An empty comment is none; the serial of an SOA record is not the client's to choose. */
function normal(type: RecordType, records: RecordValue[]): RecordValue[] {
  return records.map(({ value, comment }) => ({
    value: type === "SOA" ? value.trim().replace(/^(\S+\s+\S+\s+)\d+/, "$10") : value,
    ...(comment && { comment }),
  }));
}

/** A CNAME record is alone at its name (RFC 1034 §3.6.2); an SOA record is at the zone's own. */
function requireFitting({ state }: Cloud, zone: ZoneRow, name: string, wrong: Complaint): void {
  // Not all of the zone: an import does this for each of its names.
  const kinds = state
    .all<Pick<RrsetRow, "type">>("SELECT type FROM zone_rrsets WHERE zone_id = ? AND name = ?", zone.id, name)
    .map(({ type }) => type);
  if (kinds.includes("CNAME") && kinds.length > 1) {
    throw wrong({ type: [`a CNAME record cannot be beside other records of the name ${name}`] });
  }
  if (kinds.includes("SOA") && name !== "@") throw wrong({ type: ["SOA is of the name @ only"] });
}

/** The zone as it is after a change. */
export const reread = ({ state }: Cloud, { id }: ZoneRow): ZoneRow => findZone(state, String(id));
