import { isIP } from "node:net";
import type { ResourceType } from "../resource.js";
import { secret, unknown } from "../values.js";
import { changedInputs } from "./changed-inputs.js";
import { checkEach, checkValidity, isDue, type IssuedOutputs, type ValidityInputs } from "./validity.js";

type AuthorityInputs = ValidityInputs & { permittedDnsDomains?: string[]; permittedIpRanges?: string[] };

/** Any change makes a new authority; so does its age, early enough that what it signs still gets its full time. */
export function createCertificateAuthority(now: () => number): ResourceType<AuthorityInputs, IssuedOutputs> {
  return {
    check(news) {
      const ranges = checkEach(
        "permittedIpRanges",
        news.permittedIpRanges,
        isCidr,
        "a range such as 10.0.0.0/8",
      );
      return [...checkValidity(news), ...ranges];
    },

    diff({ olds, oldInputs, news }) {
      const changes = changedInputs(oldInputs, news);
      if (isDue(olds, oldInputs, now())) changes["notAfter"] = "update";
      return { changes, replaces: Object.keys(changes) };
    },

    async create(news, { preview }) {
      if (preview)
        return { id: "", outputs: { certificate: unknown, privateKey: secret(unknown), notAfter: unknown } };
      const { createAuthority } = await import("../x509.js");
      const issued = await createAuthority({ ...news, now: now() });
      return { id: news.commonName, outputs: { ...issued, privateKey: secret(issued.privateKey) } };
    },
  };
}

export const certificateAuthority = createCertificateAuthority(Date.now);

function isCidr(range: string): boolean {
  const [address = "", bits = "", ...more] = range.split("/");
  const family = isIP(address);
  return family > 0 && more.length === 0 && /^\d+$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
}
