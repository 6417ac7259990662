import { Certificate } from "@pulumi/aws/acm/certificate.js";
import { CertificateValidation } from "@pulumi/aws/acm/certificateValidation.js";
import { Record } from "@pulumi/aws/route53/record.js";
import * as pulumi from "@pulumi/pulumi";
import type { Region } from "../../topology/topology.js";
import type { NamedCertificate } from "../platform.js";
import { type AwsContext, tags } from "./context.js";
import { hostedZoneId } from "./names.js";

/**
 * A certificate that browsers know, from AWS Certificate Manager, free of charge: it is proven by a record in the name's
 * zone of Route 53, and renewed by AWS for as long as that record is there.
 * @returns its ARN, when it has been issued
 */
export function issuedCertificate(
  context: AwsContext,
  name: string,
  region: Region,
  { domain, hostedZone }: NamedCertificate,
  options: pulumi.CustomResourceOptions,
): pulumi.Output<string> {
  if (hostedZone === undefined) throw new Error(`nothing says which zone ${domain} is in`);
  const certificate = new Certificate(
    name,
    {
      domainName: domain,
      validationMethod: "DNS",
      tags: tags(context, name, { region: region.name }),
    },
    options,
  );
  const proof = certificate.domainValidationOptions.apply(([first]) => {
    if (!first) throw new Error(`AWS does not say how ${domain} is to be proven`);
    return first;
  });
  const record = new Record(
    `${name}-proof`,
    {
      zoneId: hostedZoneId(hostedZone, options),
      name: proof.resourceRecordName,
      type: proof.resourceRecordType,
      records: [proof.resourceRecordValue],
      ttl: 300,
      // The same for all certificates of an account for this name, another stack's too, which are renewed by it.
      allowOverwrite: true,
    },
    { ...options, retainOnDelete: true },
  );
  return new CertificateValidation(
    name,
    { certificateArn: certificate.arn, validationRecordFqdns: [record.fqdn] },
    options,
  ).certificateArn;
}

/** A certificate of the stack's own authority. Another one takes its place under the same ARN, at once. */
export function importedCertificate(
  context: AwsContext,
  name: string,
  region: Region,
  { certificate, privateKey }: { certificate: pulumi.Input<string>; privateKey: pulumi.Input<string> },
  options: pulumi.CustomResourceOptions,
): pulumi.Output<string> {
  const parts = pulumi.output(certificate).apply(withoutIssuers);
  return new Certificate(
    name,
    {
      certificateBody: parts.own,
      certificateChain: parts.issuers,
      privateKey: pulumi.secret(privateKey),
      tags: tags(context, name, { region: region.name }),
    },
    options,
  ).arn;
}

/** AWS wants a certificate and those of its issuers apart. @param pem the certificate, then its issuers */
function withoutIssuers(pem: string): { own: string; issuers: string } {
  const [own = "", ...issuers] = pem.split(/(?<=-----END CERTIFICATE-----\n)/);
  return { own, issuers: issuers.join("") };
}
