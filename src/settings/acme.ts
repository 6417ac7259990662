import type { Provider } from "../topology/catalog.js";
import { checkFields } from "./object-storage.js";
import type { Problem } from "./schema.js";
import { fromJson, isRecord } from "./structured.js";

/** Who signs the public's certificate: an authority that speaks ACME (RFC 8555). */
export interface AcmeSettings {
  /** Address of its directory. */
  directory: string;
  /** Where it writes to when something is wrong with the account. */
  email?: string;
  /** PEM of the authority behind the directory's own HTTPS, where it is none that servers know. */
  caCertificate?: string;
}

const path = "dukaan:acme";

/** https://letsencrypt.org/docs/acme-protocol-updates, "API endpoints". */
const letsEncrypt = "https://acme-v02.api.letsencrypt.org/directory";

/** They stand in a shell's configuration: nothing in them means anything to a shell. */
const fields = {
  directory: {
    allowed: /^https:\/\/[A-Za-z0-9.:[\]-]+\/[A-Za-z0-9._~%/-]*$/,
    what: "the https address of an ACME directory",
    example: letsEncrypt,
  },
  email: {
    allowed: /^[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+$/,
    what: "an e-mail address",
    example: "ops@example.com",
  },
  caCertificate: {
    allowed: /^\s*(-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+$/,
    what: "certificates in PEM",
    example: "-----BEGIN CERTIFICATE-----…",
  },
};

/**
 * Checks `dukaan:acme`.
 * @param given an object; or text, as Pulumi hands structured settings over; or `none`; absent: Let's Encrypt signs for a
 *   shop with a domain on a real cloud
 * @param where.named whether dukaan:domain is set
 * @param where.managed whose load balancer is the public's way in, where that is the provider's
 * @param where.zoned whether dukaan:hostedZone is set
 */
export function parseAcme(
  given: unknown,
  where: { local: boolean; named: boolean; managed?: Provider | undefined; zoned?: boolean },
): { acme?: AcmeSettings; problems: Problem[] } {
  const { local, named, managed, zoned = false } = where;
  if (given === "none") return { problems: [] };
  if (given === undefined && managed === "aws" && named && !zoned) {
    const reason =
      "is missing, and AWS can sign for dukaan:domain only where it is told its zone of Route 53";
    const remedy =
      "Set dukaan:hostedZone to the zone's name or id; or dukaan:acme to none: the stack's own authority signs, which browsers do not know.";
    return { problems: [{ path, reason, remedy }] };
  }
  if (given === undefined)
    return { problems: [], ...(!local && named && { acme: { directory: letsEncrypt } }) };
  const value = typeof given === "string" ? fromJson(given) : given;
  if (!isRecord(value)) {
    const remedy = `Set it to e.g. {"directory": "${letsEncrypt}", "email": "ops@example.com"}; or say "none": the stack's own authority signs, which browsers do not know.`;
    return { problems: [{ path, reason: "is neither an object nor none", remedy }] };
  }
  const problems = checkFields(path, fields, value);
  if (managed) {
    const instead = {
      hetzner: "Hetzner has Let's Encrypt sign for dukaan:domain, whose DNS zone must be at Hetzner then",
      aws: "AWS signs for dukaan:domain, whose zone of Route 53 is dukaan:hostedZone",
    };
    const remedy = `Remove it: ${instead[managed]}. Or say none, or use dukaan:loadBalancer: haproxy.`;
    const reason =
      "is set, and the provider's load balancer (dukaan:loadBalancer) gets its certificate itself";
    problems.push({ path, reason, remedy });
  }
  if (!named) {
    const remedy = "Set dukaan:domain to the name under which the shop is reached, or remove dukaan:acme.";
    problems.push({ path, reason: "is set and dukaan:domain is not: certificates are for names", remedy });
  }
  if (problems.length > 0) return { problems };
  return { acme: { directory: letsEncrypt, ...(value as Partial<AcmeSettings>) }, problems };
}
