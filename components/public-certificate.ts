import * as pulumi from "@pulumi/pulumi";
import { AcmeAccount, Certificate, type CertificateAuthority } from "../providers/dukaan/sdk.js";
import { acme } from "../src/roles/acme/index.js";
import type { AcmeSettings } from "../src/settings/acme.js";
import type { Machine } from "./machine.js";

export interface PublicCertificateArgs {
  settings: AcmeSettings;
  /** The name that the public comes by. */
  domain: string;
}

/** What whoever ends the public's TLS on a machine has to know. */
export interface IssuedOnMachine {
  /** Part of the answer to the authority's questions; no secret. */
  thumbprint: pulumi.Output<string>;
  /** Digest: from then on there is a certificate, if only a stand-in. */
  ready: pulumi.Output<string>;
}

/**
 * Certificates that browsers know, from an ACME authority: each machine of the entry gets its own by itself, with a key
 * that never leaves it; they share the account. Costs nothing. When the authority cannot be reached, or the name does not
 * lead to the machine yet, the certificate before it goes on, at first one of the stack's own authority, and it is tried
 * again four times an hour; `diagnose` warns.
 *
 * @example
 * const certificates = new PublicCertificate("public", { settings: acme, domain }, { parent: environment });
 * const issued = certificates.on(machine, standIn, "nginx.service", this);
 */
export class PublicCertificate extends pulumi.ComponentResource {
  private readonly account: AcmeAccount;

  constructor(
    name: string,
    private readonly args: PublicCertificateArgs,
    options: pulumi.ComponentResourceOptions,
  ) {
    super("dukaan:index:PublicCertificate", name, {}, options);
    this.account = new AcmeAccount(name, { directory: args.settings.directory }, { parent: this });
    this.registerOutputs({});
  }

  /** @param service who ends TLS there, and is reloaded for a new certificate */
  on(machine: Machine, standIn: Certificate, service: string): IssuedOnMachine {
    const { settings, domain } = this.args;
    const { privateKey: accountKey, thumbprint } = this.account;
    const { digest } = machine.role(this, acme({ settings, domain, accountKey, standIn, service }));
    return { thumbprint, ready: digest };
  }
}

/** A certificate of the stack's own authority for the public's way in: by its names and its addresses, with one that it shares. */
export function ownCertificate(
  { about, ipv4, ipv6 }: Machine,
  authority: CertificateAuthority,
  parent: pulumi.Resource,
  floating?: pulumi.Input<string>,
): Certificate {
  return new Certificate(
    about.name,
    {
      caCertificate: authority.certificate,
      caPrivateKey: authority.privateKey,
      commonName: about.dnsNames[0] ?? about.hostname,
      dnsNames: [...about.dnsNames],
      ipAddresses: [ipv4, ipv6, floating].filter((address) => address !== undefined),
      validityDays: 397,
    },
    { parent },
  );
}
