// oxlint-disable-next-line import/no-unassigned-import -- @peculiar/x509 registers its algorithms through it
import "reflect-metadata";
import type { webcrypto } from "node:crypto";
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  NameConstraints,
  id_ce_nameConstraints,
} from "@peculiar/asn1-x509";
import * as x509 from "@peculiar/x509";

/** X.509 by @peculiar/x509 on Node's WebCrypto. All keys are ECDSA P-256, all PEM. Times are milliseconds. */

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const day = 24 * 3600 * 1000;
/** Issued a little in the past: the clocks of two machines differ. */
const clockSkew = 3600 * 1000;

export interface Issued {
  certificate: string;
  /** PKCS #8. */
  privateKey: string;
  /** ISO 8601. */
  notAfter: string;
}

export interface AuthorityRequest {
  commonName: string;
  validityDays: number;
  /** When given, the authority is valid for these domains and what is below them only. */
  permittedDnsDomains?: string[];
  /** When given, the authority is valid for addresses in these CIDR ranges only. */
  permittedIpRanges?: string[];
  now: number;
}

/** A self-signed authority that can sign servers' certificates, but no further authority. */
export async function createAuthority(request: AuthorityRequest): Promise<Issued> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerial(),
    name: [{ CN: [request.commonName] }],
    notBefore: new Date(request.now - clockSkew),
    notAfter: new Date(request.now + request.validityDays * day),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ...nameConstraints(request),
    ],
  });
  return issued(certificate, keys.privateKey, [certificate]);
}

export interface ServerRequest {
  caCertificate: string;
  caPrivateKey: string;
  commonName: string;
  dnsNames: string[];
  ipAddresses: string[];
  validityDays: number;
  now: number;
}

/** A server's certificate, never valid for longer than its authority. */
export async function createServerCertificate(request: ServerRequest): Promise<Issued> {
  const authority = new x509.X509Certificate(request.caCertificate);
  const signingKey = await crypto.subtle.importKey(
    "pkcs8",
    x509.PemConverter.decodeFirst(request.caPrivateKey),
    algorithm,
    false,
    ["sign"],
  );
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const notAfter = Math.min(request.now + request.validityDays * day, authority.notAfter.getTime());
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: [{ CN: [request.commonName] }],
    issuer: authority.subject,
    notBefore: new Date(request.now - clockSkew),
    notAfter: new Date(notAfter),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
      new x509.SubjectAlternativeNameExtension([
        ...request.dnsNames.map((value) => ({ type: "dns" as const, value })),
        ...request.ipAddresses.map((value) => ({ type: "ip" as const, value })),
      ]),
    ],
  });
  return issued(certificate, keys.privateKey, [certificate, authority]);
}

async function issued(
  certificate: x509.X509Certificate,
  key: webcrypto.CryptoKey,
  chain: x509.X509Certificate[],
): Promise<Issued> {
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", key);
  return {
    certificate: chain.map((link) => `${link.toString("pem")}\n`).join(""),
    privateKey: `${x509.PemConverter.encode(pkcs8, "PRIVATE KEY")}\n`,
    notAfter: certificate.notAfter.toISOString(),
  };
}

/** Positive and 127 bits long (RFC 5280, 4.1.2.2: at most 20 octets). */
function randomSerial(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString("hex");
}

/** RFC 5280, 4.2.1.10. A kind of name of which nothing is permitted is not constrained, so each kind stands alone. */
function nameConstraints({
  permittedDnsDomains = [],
  permittedIpRanges = [],
}: AuthorityRequest): x509.Extension[] {
  const names = [
    ...permittedDnsDomains.map((dNSName) => new GeneralName({ dNSName })),
    ...permittedIpRanges.map((iPAddress) => new GeneralName({ iPAddress })),
  ];
  if (names.length === 0) return [];
  const permittedSubtrees = new GeneralSubtrees(names.map((base) => new GeneralSubtree({ base })));
  const constraints = AsnConvert.serialize(new NameConstraints({ permittedSubtrees }));
  return [new x509.Extension(id_ce_nameConstraints, true, constraints)];
}
