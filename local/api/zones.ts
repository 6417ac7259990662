import { Type, type Static } from "typebox";
import { timestamp } from "../state/actions.js";
import type { App } from "./app.js";
import { settled, type Cloud } from "./cloud.js";
import { invalidInput, isProtected, refused, unsupported } from "./errors.js";
import { checkLabels } from "./labels.js";
import { asArray, labelQuery, listQuery, nameQuery, oneOrMore, paginate, sendPage } from "./listing.js";
import { requireFreeName } from "./names.js";
import { Action, Body, Labels } from "./schemas.js";
import {
  changeZone,
  type Complaint,
  deletionsOver,
  inTurn,
  insertRrset,
  reread,
  type RrsetInput,
} from "./zone-changes.js";
import { readZoneFile } from "./zone-file.js";
import { isZoneName, type RecordType } from "./zone-records.js";
import {
  assignedNameServers,
  defaultSoa,
  findZone,
  nextSerial,
  RrsetType,
  toZoneResource,
  Ttl,
  Zone,
  ZoneRecords,
  zoneText,
  type ZoneRow,
} from "./zone-rows.js";

const One = Type.Object({ zone: Zone });
const Answer = { 201: Type.Object({ action: Action }) };
export const ZoneParams = Type.Object({ id_or_name: Type.String({ minLength: 1, maxLength: 255 }) });
const defaultTtl = 3600;
/** As at Hetzner. */
const ZoneFileText = Type.String({ minLength: 1, maxLength: 1_048_576 });

export const RrsetBody = {
  name: Type.String({ minLength: 1, maxLength: 253 }),
  type: RrsetType,
  ttl: Type.Optional(Type.Union([Ttl, Type.Null()])),
  labels: Type.Optional(Labels),
  records: ZoneRecords,
};

const ZoneBody = Body({
  name: Type.String(),
  mode: Type.Enum(["primary", "secondary"]),
  ttl: Type.Optional(Ttl),
  labels: Type.Optional(Labels),
  primary_nameservers: Type.Optional(Type.Array(Type.Unknown())),
  rrsets: Type.Optional(Type.Array(Body(RrsetBody))),
  zonefile: Type.Optional(ZoneFileText),
});

/** DNS zones. Their record sets are in zone-rrsets.ts. */
export function zoneRoutes(app: App, cloud: Cloud): void {
  const { state, actions } = cloud;

  app.get(
    "/zones",
    {
      schema: {
        querystring: Type.Object({
          ...listQuery,
          ...nameQuery,
          ...labelQuery,
          mode: oneOrMore(Type.Enum(["primary", "secondary"])),
        }),
      },
    },
    (request, reply) => {
      const modes = asArray(request.query.mode);
      const rows = state
        .all<ZoneRow>("SELECT * FROM zones")
        .filter(() => !modes || modes.includes("primary"));
      const page = paginate(rows, request.query, ["id", "name", "created"]);
      return sendPage(request, reply, "zones", page, (row) => toZoneResource(cloud, row));
    },
  );

  app.post(
    "/zones",
    { schema: { body: ZoneBody, response: { 201: Type.Object({ zone: Zone, action: Action }) } } },
    async (request, reply) => {
      const { body } = request;
      if (body.mode === "secondary") {
        throw unsupported("this local cloud has no secondary zones: it copies from no other name server");
      }
      if (!isZoneName(body.name)) {
        throw invalidInput({
          name: [`'${body.name}' must be a domain in lower case, without a dot at the end`],
        });
      }
      if (body.rrsets && body.zonefile !== undefined) {
        throw invalidInput({ zonefile: ["cannot be given together with rrsets"] });
      }
      const labels = checkLabels(body.labels ?? {});
      await deletionsOver(cloud);
      requireFreeName(state, "zones", body.name);
      const action = state.transaction(() => {
        const id = state.newId();
        const serial = nextSerial(0);
        const ttl = body.ttl ?? defaultTtl;
        const own = { id, name: body.name, ttl, serial, created: timestamp() };
        state.insert("zones", { ...own, labels: JSON.stringify(labels) });
        fillZone(cloud, findZone(state, body.name), body);
        return actions.start("create_zone", [{ type: "zone", id }]);
      });
      const zone = toZoneResource(cloud, findZone(state, body.name));
      void reply.code(201);
      return { zone, ...(await settled(cloud, action)) };
    },
  );

  app.get("/zones/:id_or_name", { schema: { params: ZoneParams, response: { 200: One } } }, (request) => ({
    zone: toZoneResource(cloud, findZone(state, request.params.id_or_name)),
  }));

  app.put(
    "/zones/:id_or_name",
    { schema: { params: ZoneParams, body: Body({ labels: Type.Optional(Labels) }), response: { 200: One } } },
    (request) =>
      inTurn(cloud, request.params.id_or_name, (zone) => {
        const { labels } = request.body;
        if (labels) state.update("zones", zone.id, { labels: JSON.stringify(checkLabels(labels)) });
        return { zone: toZoneResource(cloud, reread(cloud, zone)) };
      }),
  );

  app.delete(
    "/zones/:id_or_name",
    { schema: { params: ZoneParams, response: Answer } },
    async (request, reply) => {
      const action = await inTurn(cloud, request.params.id_or_name, (zone) => {
        if (zone.protection_delete) throw isProtected("zone", "deleted");
        const work = () => state.run("DELETE FROM zones WHERE id = ?", zone.id);
        return changeZone(cloud, zone, "delete_zone", work);
      });
      void reply.code(201);
      return settled(cloud, action);
    },
  );

  app.get(
    "/zones/:id_or_name/zonefile",
    { schema: { params: ZoneParams, response: { 200: Type.Object({ zonefile: Type.String() }) } } },
    (request) => ({ zonefile: zoneText(state, findZone(state, request.params.id_or_name), true) }),
  );

  app.post(
    "/zones/:id_or_name/actions/import_zonefile",
    { schema: { params: ZoneParams, body: Body({ zonefile: ZoneFileText }), response: Answer } },
    async (request, reply) => {
      const action = await inTurn(cloud, request.params.id_or_name, (zone) => {
        const kept = state.get(
          "SELECT 1 FROM zone_rrsets WHERE zone_id = ? AND protection_change = 1",
          zone.id,
        );
        if (kept) throw isProtected("rrset", "changed");
        return changeZone(cloud, zone, "import_zone", () => {
          state.run("DELETE FROM zone_rrsets WHERE zone_id = ?", zone.id);
          fillZone(cloud, zone, request.body);
        });
      });
      void reply.code(201);
      return settled(cloud, action);
    },
  );

  app.post(
    "/zones/:id_or_name/actions/change_ttl",
    { schema: { params: ZoneParams, body: Body({ ttl: Ttl }), response: Answer } },
    async (request, reply) => {
      const action = await inTurn(cloud, request.params.id_or_name, (zone) =>
        changeZone(cloud, zone, "change_zone_ttl", () => state.update("zones", zone.id, request.body)),
      );
      void reply.code(201);
      return settled(cloud, action);
    },
  );

  app.post(
    "/zones/:id_or_name/actions/change_protection",
    {
      schema: { params: ZoneParams, body: Body({ delete: Type.Optional(Type.Boolean()) }), response: Answer },
    },
    (request, reply) => {
      void reply.code(201);
      return inTurn(cloud, request.params.id_or_name, (zone) =>
        state.transaction(() => {
          const wanted = request.body.delete ?? zone.protection_delete === 1;
          state.update("zones", zone.id, { protection_delete: Number(wanted) });
          return { action: actions.done("change_zone_protection", [{ type: "zone", id: zone.id }]) };
        }),
      );
    },
  );

  app.post(
    "/zones/:id_or_name/actions/change_primary_nameservers",
    { schema: { params: ZoneParams, body: Type.Optional(Type.Unknown()) } },
    (request) => {
      findZone(state, request.params.id_or_name);
      throw refused("incorrect_zone_mode", "only zones in secondary mode have primary name servers");
    },
  );
}

/** Writes the record sets of a new zone, or of one that is filled anew, with those that every zone has. */
function fillZone(
  cloud: Cloud,
  zone: ZoneRow,
  { rrsets, zonefile }: Pick<Static<typeof ZoneBody>, "rrsets" | "zonefile">,
): void {
  const given: { rrset: RrsetInput; wrong: Complaint }[] =
    zonefile === undefined
      ? (rrsets ?? []).map((rrset, index) => ({ rrset, wrong: inField(`rrsets.${index}`) }))
      : readZoneFile(zonefile, zone.name).map(({ rrset, line }) => ({ rrset, wrong: inLine(line) }));
  for (const { rrset, wrong } of given) insertRrset(cloud, zone, rrset, wrong);
  const has = (type: RecordType) => given.some(({ rrset }) => rrset.name === "@" && rrset.type === type);
  if (!has("SOA")) insertRrset(cloud, zone, { name: "@", type: "SOA", records: [{ value: defaultSoa }] });
  if (!has("NS")) {
    const records = assignedNameServers.map((value) => ({ value }));
    insertRrset(cloud, zone, { name: "@", type: "NS", records });
  }
}

const inField =
  (field: string): Complaint =>
  (messages) =>
    invalidInput(
      Object.fromEntries(Object.entries(messages).map(([name, said]) => [`${field}.${name}`, said])),
    );

const inLine =
  (line: number): Complaint =>
  (messages) =>
    invalidInput({ zonefile: Object.values(messages).flatMap((said) => `line ${line}: ${said.join(", ")}`) });
