import { checkFields, type Field } from "./object-storage.js";
import type { Problem } from "./schema.js";
import { fromJson, isRecord } from "./structured.js";

/** How load balancers have the floating address led to themselves: the cloud's API. */
export interface FailoverSettings {
  /** Address of the API, e.g. "https://api.hetzner.cloud/v1". */
  endpoint: string;
  /** Of the API; it is on the load balancers, and may do everything in its project. */
  token: string;
  /** PEM of the authority behind the endpoint, where it is none that servers know. */
  caCertificate?: string;
}

const path = "dukaan:failover";
const endpoint = "https://api.hetzner.cloud/v1";

const fields: Readonly<Record<keyof FailoverSettings, Field>> = {
  endpoint: {
    allowed: /^https:\/\/[a-z0-9.-]+(:\d{1,5})?\/v1$/,
    what: "the https address of a cloud's API, version 1",
    example: endpoint,
  },
  token: {
    allowed: /^[A-Za-z0-9]{64}$/,
    what: "a token of 64 letters and digits",
    example: "",
    required: true,
    secret: true,
    remedy: `Set DUKAAN_FAILOVER_TOKEN, or run \`pulumi config set --secret --path '${path}.token'\`; make one for this alone in the Hetzner console (Security → API tokens → Read & Write).`,
  },
  caCertificate: {
    allowed: /^-----BEGIN CERTIFICATE-----\n[\s\S]+\n-----END CERTIFICATE-----\n?$/,
    what: "a certificate in PEM",
    example: "-----BEGIN CERTIFICATE-----…",
  },
};

/**
 * Checks `dukaan:failover`. The token is never repeated.
 * @param given an object; or text, as Pulumi hands structured settings over
 * @param where.wanted whether the shop's address is a floating one
 * @param where.local on the local cloud the command line fills it in
 */
export function parseFailover(
  given: unknown,
  where: { wanted: boolean; local: boolean },
): { failover?: FailoverSettings; problems: Problem[] } {
  if (given === undefined && (where.local || !where.wanted)) return { problems: [] };
  const value = typeof given === "string" ? fromJson(given) : given;
  if (!isRecord(value)) {
    const reason = given === undefined ? "is missing: nobody could move the floating IP" : "is no object";
    const remedy = `Set it to e.g. {"endpoint": "${endpoint}"}, and the token apart, as a secret: ${fields.token.remedy}`;
    return { problems: [{ path, reason, remedy }] };
  }
  const problems = checkFields(path, fields, value);
  if (problems.length > 0) return { problems };
  const { token, ...others } = value as Partial<FailoverSettings>;
  // Where it is still encrypted, nobody needs its value: settings are only checked then.
  const failover = { endpoint, ...others, token: typeof token === "string" ? token : "" };
  return { failover, problems };
}
