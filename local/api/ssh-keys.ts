import { createHash } from "node:crypto";
import { Type, type Static } from "typebox";
import { timestamp } from "../state/actions.js";
import type { State } from "../state/database.js";
import type { App } from "./app.js";
import type { Cloud } from "./cloud.js";
import { invalidInput, notFound, notUnique } from "./errors.js";
import { checkLabels, readLabels } from "./labels.js";
import { labelQuery, listQuery, nameQuery, paginate, sendPage } from "./listing.js";
import { requireFreeName } from "./names.js";
import { Body, IdParams, Labels, Name, SshKey } from "./schemas.js";

export interface SshKeyRow {
  id: number;
  name: string;
  fingerprint: string;
  public_key: string;
  labels: string;
  created: string;
}

const toResource = (row: SshKeyRow): Static<typeof SshKey> => ({
  id: row.id,
  name: row.name,
  fingerprint: row.fingerprint,
  public_key: row.public_key,
  labels: readLabels(row.labels),
  created: row.created,
});

/** The key with that id, or else that name. @throws ApiError not_found that names `field` */
export function findSshKey(state: State, idOrName: number | string, field?: string): SshKeyRow {
  const column = typeof idOrName === "number" ? "id" : "name";
  const row = state.get<SshKeyRow>(`SELECT * FROM ssh_keys WHERE ${column} = ?`, idOrName);
  if (!row) throw notFound("SSH key", idOrName, field);
  return row;
}

/**
 * The MD5 fingerprint of an OpenSSH public key ("ssh-ed25519 AAAA… comment"), as Hetzner shows it. The decoded key must
 * begin with its own type (RFC 4253, section 6.6).
 */
function fingerprint(publicKey: string): string {
  const [type = "", encoded = ""] = publicKey.trim().split(/\s+/);
  const known =
    /^(ssh-(rsa|ed25519)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)$/;
  const key = Buffer.from(encoded, "base64");
  const length = key.length > 4 ? key.readUInt32BE(0) : 0;
  if (!known.test(type) || key.toString("latin1", 4, 4 + length) !== type || key.length <= 4 + length + 4) {
    throw invalidInput({ public_key: ["is not an OpenSSH public key, such as 'ssh-ed25519 AAAA… name'"] });
  }
  const hash = createHash("md5").update(key).digest("hex");
  return (hash.match(/../g) ?? []).join(":");
}

const One = Type.Object({ ssh_key: SshKey });

export function sshKeyRoutes(app: App, { state }: Cloud): void {
  app.get(
    "/ssh_keys",
    {
      schema: {
        querystring: Type.Object({
          ...listQuery,
          ...nameQuery,
          ...labelQuery,
          fingerprint: Type.Optional(Type.String()),
        }),
      },
    },
    (request, reply) => {
      const wanted = request.query.fingerprint;
      const rows = state
        .all<SshKeyRow>("SELECT * FROM ssh_keys")
        .filter((row) => wanted === undefined || row.fingerprint === wanted);
      const page = paginate(rows, request.query, ["id", "name", "created"]);
      return sendPage(request, reply, "ssh_keys", page, toResource);
    },
  );

  app.post(
    "/ssh_keys",
    {
      schema: {
        body: Body({
          name: Name,
          public_key: Type.String({ minLength: 1 }),
          labels: Type.Optional(Labels),
        }),
        response: { 201: One },
      },
    },
    (request, reply) => {
      const { name, public_key: publicKey } = request.body;
      const labels = checkLabels(request.body.labels ?? {});
      const print = fingerprint(publicKey);
      requireFreeName(state, "ssh_keys", name);
      if (state.get("SELECT 1 FROM ssh_keys WHERE fingerprint = ?", print)) {
        throw notUnique("SSH key", "public_key");
      }
      const id = state.newId();
      state.insert("ssh_keys", {
        id,
        name,
        fingerprint: print,
        public_key: publicKey,
        labels: JSON.stringify(labels),
        created: timestamp(),
      });
      void reply.code(201);
      return { ssh_key: toResource(findSshKey(state, id)) };
    },
  );

  app.get("/ssh_keys/:id", { schema: { params: IdParams, response: { 200: One } } }, (request) => ({
    ssh_key: toResource(findSshKey(state, request.params.id)),
  }));

  app.put(
    "/ssh_keys/:id",
    {
      schema: {
        params: IdParams,
        body: Body({ name: Type.Optional(Name), labels: Type.Optional(Labels) }),
        response: { 200: One },
      },
    },
    (request) => {
      const row = findSshKey(state, request.params.id);
      const { name = row.name, labels } = request.body;
      if (labels) checkLabels(labels);
      requireFreeName(state, "ssh_keys", name, row.id);
      state.update("ssh_keys", row.id, { name, ...(labels && { labels: JSON.stringify(labels) }) });
      return { ssh_key: toResource(findSshKey(state, row.id)) };
    },
  );

  app.delete("/ssh_keys/:id", { schema: { params: IdParams } }, (request, reply) => {
    const row = findSshKey(state, request.params.id);
    state.run("DELETE FROM ssh_keys WHERE id = ?", row.id);
    return reply.code(204).send();
  });
}
