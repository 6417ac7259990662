import { isIP } from "node:net";
import type { ResourceType } from "../resource.js";
import { isKnown, secret, unknown, type Properties } from "../values.js";
import { changedInputs } from "./changed-inputs.js";
import { checkEach, checkValidity, isDue, type IssuedOutputs, type ValidityInputs } from "./validity.js";

type CertificateInputs = ValidityInputs & {
  caCertificate: string;
  caPrivateKey: string;
  dnsNames: string[];
  ipAddresses: string[];
};

/** Any change, and its age, issues a new certificate with a new key, in place. */
export function createCertificate(now: () => number): ResourceType<CertificateInputs, IssuedOutputs> {
  const notYetKnown = { certificate: unknown, privateKey: secret(unknown), notAfter: unknown };

  async function issue(news: CertificateInputs): Promise<Properties> {
    const { createServerCertificate } = await import("../x509.js");
    const issued = await createServerCertificate({ ...news, now: now() });
    return { ...issued, privateKey: secret(issued.privateKey) };
  }

  return {
    check(news) {
      const { dnsNames, ipAddresses } = news;
      const failures = [
        ...checkValidity(news),
        ...checkEach("dnsNames", dnsNames, isDnsName, "a DNS name such as shop.example or *.shop.example"),
        ...checkEach("ipAddresses", ipAddresses, (text) => isIP(text) > 0, "an IPv4 or IPv6 address"),
      ];
      if (isKnown(dnsNames) && isKnown(ipAddresses) && dnsNames.length + ipAddresses.length === 0)
        failures.push({ property: "dnsNames", reason: "a certificate needs a DNS name or an IP address" });
      return failures;
    },

    diff({ olds, oldInputs, news }) {
      const changes = changedInputs(oldInputs, news);
      if (isDue(olds, oldInputs, now())) changes["notAfter"] = "update";
      return { changes };
    },

    async create(news, { preview }) {
      return { id: news.commonName, outputs: preview ? notYetKnown : await issue(news) };
    },

    async update({ news }, { preview }) {
      return preview ? notYetKnown : issue(news);
    },
  };
}

export const certificate = createCertificate(Date.now);

/** RFC 1035, 2.3.4 and RFC 6125, 6.4.3: one asterisk at most, as the whole first label. */
function isDnsName(text: string): boolean {
  const labels = text.replace(/^\*\./, "").split(".");
  return text.length <= 253 && labels.every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(label));
}
