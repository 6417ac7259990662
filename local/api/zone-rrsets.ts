import { Type } from "typebox";
import type { App } from "./app.js";
import { settled, type Cloud } from "./cloud.js";
import { invalidInput, notFound } from "./errors.js";
import { checkLabels } from "./labels.js";
import { asArray, labelQuery, listQuery, nameQuery, oneOrMore, paginate, sendPage } from "./listing.js";
import { Action, Body, Labels } from "./schemas.js";
import {
  changeZone,
  findRrset,
  inTurn,
  insertRrset,
  requireChangeable,
  requireRemovable,
  reread,
  writeRecords,
} from "./zone-changes.js";
import {
  findZone,
  recordsOf,
  rrsetOf,
  rrsetsOf,
  RrsetType,
  toRrsetResource,
  Ttl,
  ZoneRecord,
  ZoneRecords,
  ZoneRrset,
  type RecordValue,
  type RrsetRow,
  type ZoneRow,
} from "./zone-rows.js";
import { RrsetBody, ZoneParams } from "./zones.js";

const One = Type.Object({ rrset: ZoneRrset });
const Answer = { 201: Type.Object({ action: Action }) };
const RrsetParams = Type.Object({
  ...ZoneParams.properties,
  rr_name: Type.String({ minLength: 1, maxLength: 253 }),
  rr_type: RrsetType,
});
const Records = Body({ records: ZoneRecords });

/** Record sets of DNS zones. */
export function zoneRrsetRoutes(app: App, cloud: Cloud): void {
  const { state, actions } = cloud;
  const path = "/zones/:id_or_name/rrsets/:rr_name/:rr_type";
  const resource = (zone: ZoneRow, name: string, type: string) => ({
    rrset: toRrsetResource(findRrset(cloud, zone, name, type), reread(cloud, zone)),
  });

  app.get(
    "/zones/:id_or_name/rrsets",
    {
      schema: {
        params: ZoneParams,
        querystring: Type.Object({
          ...listQuery,
          per_page: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
          ...nameQuery,
          ...labelQuery,
          type: oneOrMore(RrsetType),
        }),
      },
    },
    (request, reply) => {
      const zone = findZone(state, request.params.id_or_name);
      const types = asArray(request.query.type);
      // Their ids are texts; ties are in the order in which they were read.
      const rows = rrsetsOf(state, zone.id)
        .filter(({ type }) => !types || types.includes(type))
        .map((row, index) => Object.assign(row, { id: index }));
      const page = paginate(rows, request.query, ["id", "name", "created"]);
      return sendPage(request, reply, "rrsets", page, (row) => toRrsetResource(row, zone));
    },
  );

  app.post(
    "/zones/:id_or_name/rrsets",
    {
      schema: {
        params: ZoneParams,
        body: Body(RrsetBody),
        response: { 201: Type.Object({ rrset: ZoneRrset, action: Action }) },
      },
    },
    async (request, reply) => {
      const { body } = request;
      const { made, action } = await inTurn(cloud, request.params.id_or_name, (zone) => ({
        action: changeZone(cloud, zone, "create_rrset", () => insertRrset(cloud, zone, body)),
        made: resource(zone, body.name, body.type),
      }));
      void reply.code(201);
      return { ...made, ...(await settled(cloud, action)) };
    },
  );

  app.get(path, { schema: { params: RrsetParams, response: { 200: One } } }, (request) => {
    const { id_or_name: zone, rr_name: name, rr_type: type } = request.params;
    return resource(findZone(state, zone), name, type);
  });

  app.put(
    path,
    {
      schema: { params: RrsetParams, body: Body({ labels: Type.Optional(Labels) }), response: { 200: One } },
    },
    (request) => {
      const { id_or_name: zoneName, rr_name: name, rr_type: type } = request.params;
      return inTurn(cloud, zoneName, (zone) => {
        findRrset(cloud, zone, name, type);
        const { labels } = request.body;
        if (labels) setColumn(zone, name, type, "labels", JSON.stringify(checkLabels(labels)));
        return resource(zone, name, type);
      });
    },
  );

  function setColumn(
    zone: ZoneRow,
    name: string,
    type: string,
    column: "labels" | "ttl" | "protection_change",
    value: string | number | null,
  ): void {
    state.run(
      `UPDATE zone_rrsets SET ${column} = ? WHERE zone_id = ? AND name = ? AND type = ?`,
      value,
      zone.id,
      name,
      type,
    );
  }

  app.delete(path, { schema: { params: RrsetParams, response: Answer } }, async (request, reply) => {
    const { id_or_name: zoneName, rr_name: name, rr_type: type } = request.params;
    const action = await inTurn(cloud, zoneName, (zone) => {
      const rrset = findRrset(cloud, zone, name, type);
      requireChangeable(rrset);
      requireRemovable(rrset);
      return changeZone(cloud, zone, "delete_rrset", () => writeRecords(cloud, zone, rrset, []));
    });
    void reply.code(201);
    return settled(cloud, action);
  });

  app.post(
    `${path}/actions/change_protection`,
    {
      schema: {
        params: RrsetParams,
        body: Body({ change: Type.Optional(Type.Boolean()) }),
        response: Answer,
      },
    },
    (request, reply) => {
      const { id_or_name: zoneName, rr_name: name, rr_type: type } = request.params;
      void reply.code(201);
      return inTurn(cloud, zoneName, (zone) =>
        state.transaction(() => {
          const rrset = findRrset(cloud, zone, name, type);
          const wanted = request.body.change ?? rrset.protection_change === 1;
          setColumn(zone, name, type, "protection_change", Number(wanted));
          return { action: actions.done("change_rrset_protection", [{ type: "zone", id: zone.id }]) };
        }),
      );
    },
  );

  app.post(
    `${path}/actions/change_ttl`,
    {
      schema: {
        params: RrsetParams,
        body: Body({ ttl: Type.Optional(Type.Union([Ttl, Type.Null()])) }),
        response: Answer,
      },
    },
    async (request, reply) => {
      const { id_or_name: zoneName, rr_name: name, rr_type: type } = request.params;
      const action = await inTurn(cloud, zoneName, (zone) => {
        requireChangeable(findRrset(cloud, zone, name, type));
        const work = () => setColumn(zone, name, type, "ttl", request.body.ttl ?? null);
        return changeZone(cloud, zone, "change_rrset_ttl", work);
      });
      void reply.code(201);
      return settled(cloud, action);
    },
  );

  const onRecords = async (
    params: { id_or_name: string; rr_name: string; rr_type: RrsetRow["type"] },
    command: string,
    change: (zone: ZoneRow, rrset: RrsetRow | undefined) => void,
  ) => {
    const action = await inTurn(cloud, params.id_or_name, (zone) => {
      const rrset = rrsetOf(state, zone.id, params.rr_name, params.rr_type);
      requireChangeable(rrset);
      return changeZone(cloud, zone, command, () => change(zone, rrset));
    });
    return settled(cloud, action);
  };
  const needed = (rrset: RrsetRow | undefined): RrsetRow => {
    if (!rrset) throw notFound("rrset", "of that name and type");
    return rrset;
  };
  const present = (rrset: RrsetRow, records: RecordValue[]): RecordValue[] => {
    const values = new Set(recordsOf(rrset).map(({ value }) => value));
    const index = records.findIndex(({ value }) => !values.has(value));
    if (index === -1) return recordsOf(rrset);
    throw invalidInput({ [`records.${index}.value`]: ["is no value of the record set"] });
  };

  app.post(
    `${path}/actions/set_records`,
    { schema: { params: RrsetParams, body: Records, response: Answer } },
    ({ params, body: { records } }, reply) => {
      void reply.code(201);
      return onRecords(params, "set_rrset_records", (zone, rrset) => {
        if (rrset) writeRecords(cloud, zone, rrset, records);
        else insertRrset(cloud, zone, { name: params.rr_name, type: params.rr_type, records });
      });
    },
  );

  app.post(
    `${path}/actions/add_records`,
    {
      schema: {
        params: RrsetParams,
        body: Body({ records: ZoneRecords, ttl: Type.Optional(Type.Union([Ttl, Type.Null()])) }),
        response: Answer,
      },
    },
    ({ params, body: { records, ttl } }, reply) => {
      void reply.code(201);
      return onRecords(params, "add_rrset_records", (zone, rrset) => {
        if (!rrset) {
          const { rr_name: name, rr_type: type } = params;
          insertRrset(cloud, zone, { name, type, records, ...(ttl !== undefined && { ttl }) });
          return;
        }
        if (ttl !== undefined && ttl !== rrset.ttl) {
          throw invalidInput({ ttl: [`must be that of the record set, ${rrset.ttl ?? "null"}, or absent`] });
        }
        writeRecords(cloud, zone, rrset, [...recordsOf(rrset), ...records]);
      });
    },
  );

  app.post(
    `${path}/actions/remove_records`,
    { schema: { params: RrsetParams, body: Records, response: Answer } },
    ({ params, body: { records } }, reply) => {
      void reply.code(201);
      return onRecords(params, "remove_rrset_records", (zone, found) => {
        const rrset = needed(found);
        const removed = new Set(records.map(({ value }) => value));
        const rest = present(rrset, records).filter(({ value }) => !removed.has(value));
        writeRecords(cloud, zone, rrset, rest);
      });
    },
  );

  app.post(
    `${path}/actions/update_records`,
    {
      schema: {
        params: RrsetParams,
        body: Body({ records: Type.Array(ZoneRecord, { minItems: 1 }) }),
        response: Answer,
      },
    },
    ({ params, body: { records } }, reply) => {
      void reply.code(201);
      return onRecords(params, "update_rrset_records", (zone, found) => {
        const rrset = needed(found);
        const changed = new Map(records.map((record) => [record.value, record]));
        const next = present(rrset, records).map((record) => changed.get(record.value) ?? record);
        writeRecords(cloud, zone, rrset, next);
      });
    },
  );
}
