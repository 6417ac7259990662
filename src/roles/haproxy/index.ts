import * as pulumi from "@pulumi/pulumi";
import { renderTemplate } from "../../template.js";
import { firstCertificate, type IssuedCertificate, publicCertificate } from "../acme/index.js";
import type { ServerCertificate } from "../nginx/index.js";
import type { Machine } from "../../topology/topology.js";
import { pausePage } from "../nginx/pause-page.js";
import type { RoleDefinition } from "../role.js";

const here = "src/roles/haproxy";

export const packages = ["haproxy"];

/** An app server that takes requests. */
export interface BalancedServer {
  /** Name of its machine, for logs. */
  name: string;
  /** Its name in the certificate that it shows. */
  hostname: string;
  privateAddress: string;
}

export interface HaproxyArgs {
  machine: Pick<Machine, "cores" | "memoryMiB">;
  servers: readonly BalancedServer[];
  /** Where servers take requests. */
  port: number;
  /** PEM of the authority that signs for the servers. */
  authority: pulumi.Input<string>;
  /** What the public sees. */
  public: ServerCertificate | IssuedCertificate;
  /** Tell browsers to come by HTTPS only, for a year. Not where the certificate is none that browsers know. */
  strictTransport: boolean;
}

/**
 * HAProxy before the app servers: ends TLS, sends each request to the server with the fewest, looks at all of them every
 * 150 ms, and sends what may be repeated to another one when a server fails.
 */
export function haproxy(args: HaproxyArgs): RoleDefinition {
  const { machine, servers, port } = args;
  const issued = "thumbprint" in args.public;
  const root = { owner: "root", group: "root", mode: "0644" };
  // A connection with TLS, its buffers and its share of the kernel's takes up to 100 KB: at most a fifth of the memory.
  const maxConnections = Math.min(20_000, machine.memoryMiB * 2);
  return {
    name: "haproxy",
    packages,
    directories: [
      { path: "/etc/haproxy/tls", owner: "root", group: "root", mode: "0700" },
      { path: "/etc/systemd/system/haproxy.service.d", owner: "root", group: "root", mode: "0755" },
    ],
    files: [
      {
        path: "/etc/haproxy/haproxy.cfg",
        content: publicWay(args.public).apply((way) =>
          renderTemplate(`${here}/haproxy.cfg`, {
            ...way,
            cores: machine.cores,
            maxConnections,
            strictTransport: args.strictTransport
              ? 'http-response set-header Strict-Transport-Security "max-age=31536000"'
              : "# no HSTS: browsers do not know the authority",
            servers: servers
              .map(
                ({ name, hostname, privateAddress }) =>
                  `server ${name} ${privateAddress}:${port} verifyhost ${hostname}`,
              )
              .join("\n  "),
          }),
        ),
        ...root,
      },
      {
        path: "/etc/haproxy/unavailable.html",
        content: pausePage("unavailable"),
        ...root,
      },
      { path: "/etc/haproxy/tls/authority.pem", content: args.authority, ...root },
      ...("thumbprint" in args.public ? [] : [ownCertificate(args.public)]),
      {
        path: "/etc/systemd/system/haproxy.service.d/10-dukaan.conf",
        // A connection to the visitor and one to a server each.
        content: renderTemplate(`${here}/unit.conf`, { files: 2 * maxConnections + 1000 }),
        ...root,
      },
      {
        path: "/usr/local/lib/dukaan/reload-haproxy",
        content: renderTemplate(`${here}/reload.sh`),
        ...root,
        mode: "0755",
      },
      {
        path: "/usr/local/lib/dukaan/release-servers",
        content: renderTemplate(`${here}/release-servers.sh`),
        ...root,
        mode: "0755",
      },
    ],
    validate: [["env", "DUKAAN_ROOT={root}", "haproxy", "-c", "-q", "-f", "{root}/etc/haproxy/haproxy.cfg"]],
    services: [{ name: "haproxy.service", enabled: true, onChange: "reload" }],
    activate: [["/usr/local/lib/dukaan/release-servers"], ...(issued ? [firstCertificate] : [])],
    // An answer of HAProxy itself: no app server may be there yet.
    checks: [
      {
        command: ["curl", "--silent", "--insecure", "--output", "/dev/null", "https://127.0.0.1/rotation"],
        timeoutSeconds: 10,
      },
    ],
  };
}

function ownCertificate({ certificate, privateKey }: ServerCertificate) {
  return {
    path: "/etc/haproxy/tls/public.pem",
    content: pulumi.all([certificate, privateKey]).apply((parts) => parts.join("\n")),
    owner: "root",
    group: "root",
    mode: "0600",
    secret: true,
  };
}

/** Which certificate the public sees, and how questions of the authority that signs it are answered (RFC 8555, 8.3). */
function publicWay(
  certificate: ServerCertificate | IssuedCertificate,
): pulumi.Output<{ certificate: string; challenge: string }> {
  if (!("thumbprint" in certificate)) {
    return pulumi.output({
      certificate: "${DUKAAN_ROOT}/etc/haproxy/tls/public.pem",
      challenge: "# no ACME: the stack's own authority has signed",
    });
  }
  return pulumi.output(certificate.thumbprint).apply((thumbprint) => ({
    certificate: publicCertificate.both,
    challenge: `http-request return status 200 content-type text/plain lf-string "%[path,field(4,/)].${thumbprint}" if { path_reg ^/\\.well-known/acme-challenge/[A-Za-z0-9_-]+$ } !{ ssl_fc }`,
  }));
}
