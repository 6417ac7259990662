import type * as pulumi from "@pulumi/pulumi";
import { Certificate, type CertificateAuthority } from "../providers/dukaan/sdk.js";
import type { Machine } from "../src/topology/topology.js";

/**
 * What a machine shows to other machines of the stack, on its private address.
 * @param purpose ends the resource's name, e.g. "balanced"
 * @param authority the stack's internal one: what the public sees may change while machines trust one another
 */
export function internalCertificate(
  { name, hostname, privateAddress }: Machine,
  purpose: string,
  authority: CertificateAuthority,
  parent: pulumi.Resource,
): Certificate {
  return new Certificate(
    `${name}-${purpose}`,
    {
      caCertificate: authority.certificate,
      caPrivateKey: authority.privateKey,
      // HAProxy holds it against the name that it expects; it is no name of the DNS.
      commonName: hostname,
      dnsNames: [],
      ipAddresses: [privateAddress],
      validityDays: 397,
    },
    { parent },
  );
}
