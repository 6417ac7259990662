// oxlint-disable-next-line import/no-unassigned-import -- @peculiar/x509 registers its algorithms through it
import "reflect-metadata";
import type { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

/** A server's certificate and the authority that signed it, PEM. */
export interface ServerCertificate {
  /** What clients must trust. */
  authority: string;
  /** The server's certificate, then the authority's. */
  chain: string;
  /** PKCS #8. */
  privateKey: string;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
/** It lives as long as the local cloud does; nobody renews it. */
const YEARS = 20;

/**
 * A certificate for one address, by an authority that signs this one and then no longer exists: its key is not kept.
 *
 * @param address IPv4
 */
export async function serverCertificate(authorityName: string, address: string): Promise<ServerCertificate> {
  const authorityKeys = await makeKeys();
  const keys = await makeKeys();
  const now = new Date();
  const notAfter = new Date(now);
  notAfter.setFullYear(now.getFullYear() + YEARS);
  // A machine's clock may be behind.
  const validity = {
    notBefore: new Date(now.getTime() - 24 * 3600 * 1000),
    notAfter,
    signingAlgorithm: algorithm,
  };
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    name: [{ CN: [authorityName] }],
    keys: authorityKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity,
    subject: [{ CN: [address] }],
    issuer: authority.subject,
    publicKey: keys.publicKey,
    signingKey: authorityKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
      new x509.SubjectAlternativeNameExtension([
        { type: "ip", value: address },
        // pgBackRest 2.45 compares the endpoint with names only, even when it is an address.
        { type: "dns", value: address },
      ]),
    ],
  });
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    authority: pem(authority),
    chain: pem(certificate) + pem(authority),
    privateKey: `${x509.PemConverter.encode(pkcs8, "PRIVATE KEY")}\n`,
  };
}

async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

const pem = (certificate: x509.X509Certificate): string => `${certificate.toString("pem")}\n`;
