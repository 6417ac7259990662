import { Type, type Static } from "typebox";
import type { ZoneFile } from "../machines/host.js";
import { timestamp } from "../state/actions.js";
import type { State } from "../state/database.js";
import { readJson } from "../state/json.js";
import type { Cloud } from "./cloud.js";
import { notFound } from "./errors.js";
import { readLabels } from "./labels.js";
import { Id, Labels, Nullable, Time } from "./schemas.js";
import { recordTypes, type RecordType } from "./zone-records.js";

/** Seconds. */
export const leastTtl = 60;
export const mostTtl = 2_147_483_647;
export const Ttl = Type.Integer({ minimum: leastTtl, maximum: mostTtl });
export const RrsetType = Type.Enum(recordTypes);
/** A value is one line of a zone file, without its name and type. */
export const ZoneRecord = Type.Object(
  {
    value: Type.String({ minLength: 1, maxLength: 65_535 }),
    comment: Type.Optional(Type.String({ maxLength: 255, pattern: "^[^\\u0000-\\u001f\\u007f]*$" })),
  },
  { additionalProperties: false },
);
export const ZoneRecords = Type.Array(ZoneRecord, { minItems: 1, maxItems: 1000 });

export const Zone = Type.Object({
  id: Id,
  name: Type.String(),
  created: Time,
  mode: Type.Enum(["primary"]),
  primary_nameservers: Type.Array(Type.Never()),
  ttl: Ttl,
  status: Type.Enum(["ok", "updating"]),
  record_count: Type.Integer(),
  registrar: Type.Enum(["hetzner", "other", "unknown"]),
  authoritative_nameservers: Type.Object({
    assigned: Type.Array(Type.String()),
    delegated: Type.Array(Type.String()),
    delegation_last_check: Nullable(Time),
    delegation_status: Type.Enum(["unknown"]),
  }),
  protection: Type.Object({ delete: Type.Boolean() }),
  labels: Labels,
});

export const ZoneRrset = Type.Object({
  id: Type.String(),
  name: Type.String(),
  type: RrsetType,
  ttl: Nullable(Ttl),
  labels: Labels,
  protection: Type.Object({ change: Type.Boolean() }),
  records: Type.Array(Type.Object({ value: Type.String(), comment: Type.Optional(Type.String()) })),
  zone: Id,
});

export interface ZoneRow {
  id: number;
  name: string;
  ttl: number;
  serial: number;
  protection_delete: 0 | 1;
  labels: string;
  created: string;
}

export interface RrsetRow {
  zone_id: number;
  name: string;
  type: RecordType;
  ttl: number | null;
  records: string;
  protection_change: 0 | 1;
  labels: string;
  created: string;
}

export type RecordValue = Static<typeof ZoneRecord>;

/** Names that Hetzner's own name servers have; here one server answers for all of them. */
export const assignedNameServers = [
  "helium.ns.hetzner.de.",
  "hydrogen.ns.hetzner.com.",
  "oxygen.ns.hetzner.com.",
];
export const defaultSoa = "hydrogen.ns.hetzner.com. dns.hetzner.com. 0 86400 10800 3600000 3600";

/** @param idOrName as in the path @throws ApiError not_found */
export function findZone(state: State, idOrName: string): ZoneRow {
  const row = /^\d+$/.test(idOrName)
    ? state.get<ZoneRow>("SELECT * FROM zones WHERE id = ?", Number(idOrName))
    : state.get<ZoneRow>("SELECT * FROM zones WHERE name = ?", idOrName);
  if (!row) throw notFound("zone", /^\d+$/.test(idOrName) ? Number(idOrName) : idOrName);
  return row;
}

export const rrsetsOf = (state: State, zoneId: number): RrsetRow[] =>
  state.all<RrsetRow>("SELECT * FROM zone_rrsets WHERE zone_id = ? ORDER BY name, type", zoneId);

export const rrsetOf = (state: State, zoneId: number, name: string, type: string): RrsetRow | undefined =>
  state.get<RrsetRow>(
    "SELECT * FROM zone_rrsets WHERE zone_id = ? AND name = ? AND type = ?",
    zoneId,
    name,
    type,
  );

export const recordsOf = ({ records }: RrsetRow): RecordValue[] => readJson<RecordValue[]>(records);

/** The next serial: of the form that is common, the day and a number; always larger than the last one. */
export function nextSerial(last: number, now = new Date()): number {
  const day = Number(timestamp(now).slice(0, 10).replaceAll("-", ""));
  return Math.max(last + 1, day * 100);
}

export function toZoneResource({ state, actions }: Cloud, row: ZoneRow): Static<typeof Zone> {
  const records = rrsetsOf(state, row.id).flatMap(recordsOf);
  const updating = actions.runningOn({ type: "zone", id: row.id }).length > 0;
  return {
    id: row.id,
    name: row.name,
    created: row.created,
    mode: "primary",
    primary_nameservers: [],
    ttl: row.ttl,
    status: updating ? "updating" : "ok",
    record_count: records.length,
    registrar: "other",
    authoritative_nameservers: {
      assigned: assignedNameServers,
      delegated: [],
      delegation_last_check: row.created,
      delegation_status: "unknown",
    },
    protection: { delete: row.protection_delete === 1 },
    labels: readLabels(row.labels),
  };
}

export function toRrsetResource(row: RrsetRow, { serial }: ZoneRow): Static<typeof ZoneRrset> {
  return {
    id: `${row.name}/${row.type}`,
    name: row.name,
    type: row.type,
    ttl: row.ttl,
    labels: readLabels(row.labels),
    protection: { change: row.protection_change === 1 },
    records: recordsOf(row).map(({ value, comment }) => {
      const record: RecordValue = { value: shown(row.type, value, serial) };
      if (comment !== undefined) record.comment = comment;
      return record;
    }),
    zone: row.zone_id,
  };
}

/** Of the SOA record the serial is the zone's. */
function shown(type: RecordType, value: string, serial: number): string {
  if (type !== "SOA") return value;
  return value
    .trim()
    .split(/\s+/)
    .map((word, index) => (index === 2 ? String(serial) : word))
    .join(" ");
}

/** A zone as a file (RFC 1035 §5). @param comments whether to write them too */
export function zoneText(state: State, zone: ZoneRow, comments: boolean): string {
  const rank = ({ type, name }: RrsetRow) => `${type === "SOA" ? 0 : type === "NS" && name === "@" ? 1 : 2}`;
  const rrsets = rrsetsOf(state, zone.id).sort((one, other) => rank(one).localeCompare(rank(other)));
  const lines = rrsets.flatMap((rrset) =>
    recordsOf(rrset).map(({ value, comment }) => {
      const words = [
        rrset.name,
        rrset.ttl ?? zone.ttl,
        "IN",
        rrset.type,
        shown(rrset.type, value, zone.serial),
      ];
      return `${words.join("\t")}${comments && comment ? ` ; ${comment}` : ""}`;
    }),
  );
  return [`$ORIGIN ${zone.name}.`, `$TTL ${zone.ttl}`, ...lines, ""].join("\n");
}

export const zoneFiles = (state: State): ZoneFile[] =>
  state.all<ZoneRow>("SELECT * FROM zones ORDER BY id").map((zone) => ({
    name: zone.name,
    serial: zone.serial,
    text: zoneText(state, zone, false),
  }));
