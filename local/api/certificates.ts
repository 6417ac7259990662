import { createPrivateKey, X509Certificate } from "node:crypto";
import { Type, type Static } from "typebox";
import { timestamp } from "../state/actions.js";
import type { State } from "../state/database.js";
import { readJson } from "../state/json.js";
import type { App } from "./app.js";
import type { Cloud } from "./cloud.js";
import { invalidInput, notFound, refused, unsupported } from "./errors.js";
import { checkLabels, readLabels } from "./labels.js";
import { asArray, labelQuery, listQuery, nameQuery, oneOrMore, paginate, sendPage } from "./listing.js";
import { balancersWithCertificate } from "./load-balancer-rows.js";
import { requireFreeName } from "./names.js";
import { Body, Certificate, IdParams, Labels, Name } from "./schemas.js";

export interface CertificateRow {
  id: number;
  name: string;
  certificate: string;
  private_key: string;
  not_valid_before: string;
  not_valid_after: string;
  domain_names: string;
  fingerprint: string;
  labels: string;
  created: string;
}

/** @throws ApiError not_found that names `field` */
export function findCertificate(state: State, id: number, field?: string): CertificateRow {
  const row = state.get<CertificateRow>("SELECT * FROM certificates WHERE id = ?", id);
  if (!row) throw notFound("certificate", id, field);
  return row;
}

function toResource(state: State, row: CertificateRow): Static<typeof Certificate> {
  return {
    id: row.id,
    name: row.name,
    labels: readLabels(row.labels),
    type: "uploaded",
    certificate: row.certificate,
    created: row.created,
    not_valid_before: row.not_valid_before,
    not_valid_after: row.not_valid_after,
    domain_names: readJson<string[]>(row.domain_names),
    fingerprint: row.fingerprint,
    status: null,
    used_by: balancersWithCertificate(state, row.id).map((id) => ({ id, type: "load_balancer" as const })),
  };
}

/** Reads a certificate (the first of its chain) and checks that the key is its own. @throws ApiError invalid_input */
function readCertificate(pem: string, privateKey: string): X509Certificate {
  const attempt = <T>(field: string, what: string, read: () => T): T => {
    try {
      return read();
    } catch {
      throw invalidInput({ [field]: [`is not ${what} in PEM`] });
    }
  };
  const certificate = attempt("certificate", "a certificate", () => new X509Certificate(pem));
  const key = attempt("private_key", "an unencrypted private key", () => createPrivateKey(privateKey));
  if (!certificate.checkPrivateKey(key)) {
    throw invalidInput({ private_key: ["does not belong to the certificate"] });
  }
  return certificate;
}

function namesOf(certificate: X509Certificate): string[] {
  const alternative = (certificate.subjectAltName ?? "").split(", ");
  const names = alternative.flatMap((entry) => /^(?:DNS|IP Address):(.+)$/.exec(entry)?.[1] ?? []);
  const [, common] = /^CN=(.+)$/m.exec(certificate.subject) ?? [];
  return names.length > 0 || common === undefined ? names : [common];
}

const One = Type.Object({ certificate: Certificate });

export function certificateRoutes(app: App, { state }: Cloud): void {
  app.get(
    "/certificates",
    {
      schema: {
        querystring: Type.Object({
          ...listQuery,
          ...nameQuery,
          ...labelQuery,
          type: oneOrMore(Type.Enum(["uploaded", "managed"])),
        }),
      },
    },
    (request, reply) => {
      const types = asArray(request.query.type);
      const rows = state.all<CertificateRow>("SELECT * FROM certificates");
      const chosen = rows.filter(() => !types || types.includes("uploaded"));
      const page = paginate(chosen, request.query, ["id", "name", "created"]);
      return sendPage(request, reply, "certificates", page, (row) => toResource(state, row));
    },
  );

  app.post(
    "/certificates",
    {
      schema: {
        body: Body({
          name: Name,
          type: Type.Optional(Type.Enum(["uploaded", "managed"])),
          certificate: Type.Optional(Type.String()),
          private_key: Type.Optional(Type.String()),
          domain_names: Type.Optional(Type.Array(Type.String())),
          labels: Type.Optional(Labels),
        }),
        response: { 201: One },
      },
    },
    (request, reply) => {
      const { name, type, certificate = "", private_key: privateKey = "" } = request.body;
      if (type === "managed") {
        throw unsupported("this local cloud has no authority that issues managed certificates: upload one");
      }
      const labels = checkLabels(request.body.labels ?? {});
      const parsed = readCertificate(certificate, privateKey);
      requireFreeName(state, "certificates", name);
      const id = state.newId();
      state.insert("certificates", {
        id,
        name,
        certificate,
        private_key: privateKey,
        not_valid_before: timestamp(new Date(parsed.validFrom)),
        not_valid_after: timestamp(new Date(parsed.validTo)),
        domain_names: JSON.stringify(namesOf(parsed)),
        fingerprint: parsed.fingerprint256.toLowerCase(),
        labels: JSON.stringify(labels),
        created: timestamp(),
      });
      void reply.code(201);
      return { certificate: toResource(state, findCertificate(state, id)) };
    },
  );

  app.get("/certificates/:id", { schema: { params: IdParams, response: { 200: One } } }, (request) => ({
    certificate: toResource(state, findCertificate(state, request.params.id)),
  }));

  app.put(
    "/certificates/:id",
    {
      schema: {
        params: IdParams,
        body: Body({ name: Type.Optional(Name), labels: Type.Optional(Labels) }),
        response: { 200: One },
      },
    },
    (request) => {
      const row = findCertificate(state, request.params.id);
      const { name = row.name, labels } = request.body;
      if (labels) checkLabels(labels);
      requireFreeName(state, "certificates", name, row.id);
      state.update("certificates", row.id, { name, ...(labels && { labels: JSON.stringify(labels) }) });
      return { certificate: toResource(state, findCertificate(state, row.id)) };
    },
  );

  app.delete("/certificates/:id", { schema: { params: IdParams } }, (request, reply) => {
    const row = findCertificate(state, request.params.id);
    const [user] = balancersWithCertificate(state, row.id);
    if (user !== undefined) {
      throw refused("resource_in_use", `certificate is used by load balancer ${user}`, 409);
    }
    state.run("DELETE FROM certificates WHERE id = ?", row.id);
    state.scrub();
    return reply.code(204).send();
  });

  app.post("/certificates/:id/actions/retry", { schema: { params: IdParams } }, (request) => {
    findCertificate(state, request.params.id);
    throw unsupported("only managed certificates are issued again");
  });
}
