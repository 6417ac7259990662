import type * as pulumi from "@pulumi/pulumi";
import type { AcmeSettings } from "../../settings/acme.js";
import { renderTemplate } from "../../template.js";
import type { RoleDefinition } from "../role.js";

const here = "src/roles/acme";

/** Where whoever ends the public's TLS finds the certificate; `both` has the key behind the certificates. */
export const publicCertificate = {
  chain: "/var/lib/dukaan/certificate/current/chain.pem",
  key: "/var/lib/dukaan/certificate/current/key.pem",
  both: "/var/lib/dukaan/certificate/current/both.pem",
};

/** A certificate that this role keeps, for whoever ends the public's TLS and answers the authority. */
export interface IssuedCertificate {
  /** Of the account: part of the answer to the authority's questions. */
  thumbprint: pulumi.Input<string>;
}

/** To be run when the web server is there: it has to answer the authority's question. */
export const firstCertificate = ["systemctl", "start", "--no-block", "dukaan-certificate.service"];

export interface AcmeArgs {
  settings: AcmeSettings;
  /** The name that the certificate is for. */
  domain: string;
  /** PEM of the account's key; secret. */
  accountKey: pulumi.Input<string>;
  /** Shown until a public authority has signed one: PEM, the certificates and their key. */
  standIn: { certificate: pulumi.Input<string>; privateKey: pulumi.Input<string> };
  /** Who ends TLS, and is reloaded for a new certificate, e.g. "nginx.service". */
  service: string;
}

/**
 * The public's certificate from an ACME authority: dehydrated asks for it, a timer renews it. The authority's question
 * (HTTP-01) is answered by whoever listens on port 80, from the account's thumbprint alone.
 */
export function acme({ settings, domain, accountKey, standIn, service }: AcmeArgs): RoleDefinition {
  const { directory, email = "", caCertificate } = settings;
  const root = { owner: "root", group: "root", mode: "0644" };
  const secret = { ...root, mode: "0600", secret: true };
  return {
    name: "acme",
    packages: ["curl", "dehydrated", "openssl"],
    directories: [{ path: "/etc/dukaan/acme", owner: "root", group: "root", mode: "0700" }],
    files: [
      {
        path: "/etc/dukaan/acme/dehydrated.conf",
        content: renderTemplate(`${here}/dehydrated.conf`, {
          directory,
          email,
          trust: caCertificate === undefined ? "" : " --cacert /etc/dukaan/acme/authority.pem",
        }),
        ...root,
      },
      { path: "/etc/dukaan/acme/account.pem", content: accountKey, ...secret },
      { path: "/etc/dukaan/acme/stand-in.pem", content: standIn.certificate, ...root },
      { path: "/etc/dukaan/acme/stand-in.key", content: standIn.privateKey, ...secret },
      ...(caCertificate === undefined
        ? []
        : [{ path: "/etc/dukaan/acme/authority.pem", content: caCertificate, ...root }]),
      {
        path: "/usr/local/lib/dukaan/certificate",
        content: renderTemplate(`${here}/certificate.sh`, { domain, directory, service }),
        ...root,
        mode: "0755",
      },
      {
        path: "/etc/systemd/system/dukaan-certificate.service",
        content: renderTemplate(`${here}/dukaan-certificate.service`, { service }),
        ...root,
      },
      {
        path: "/etc/systemd/system/dukaan-certificate.timer",
        content: renderTemplate(`${here}/dukaan-certificate.timer`),
        ...root,
      },
    ],
    validate: [
      ["sh", "-n", "{root}/usr/local/lib/dukaan/certificate"],
      ["openssl", "rsa", "-in", "{root}/etc/dukaan/acme/account.pem", "-check", "-noout"],
    ],
    services: [{ name: "dukaan-certificate.timer", enabled: true, onChange: "restart" }],
    activate: [["/usr/local/lib/dukaan/certificate", "stand-in"]],
  };
}
