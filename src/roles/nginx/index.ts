import * as pulumi from "@pulumi/pulumi";
import { renderTemplate } from "../../template.js";
import { firstCertificate, type IssuedCertificate, publicCertificate } from "../acme/index.js";
import { pausePage } from "./pause-page.js";
import type { RoleDefinition } from "../role.js";

const here = "src/roles/nginx";

export const packages = ["nginx"];

/** A certificate with its key. */
export interface ServerCertificate {
  /** PEM: the certificate, then its issuers. */
  certificate: pulumi.Input<string>;
  /** PEM. */
  privateKey: pulumi.Input<string>;
}

/** The way in for balancers, over the private network. */
export interface BalancedArgs extends ServerCertificate {
  /** Private address to listen on. */
  address: string;
  port: number;
  /** Private addresses of the balancers, which are believed about who a visitor is. */
  balancers: readonly string[];
}

export interface NginxArgs {
  /** One worker a core. */
  cores: number;
  /** The public's way in, ports 80 and 443. @default the public does not come here */
  public?: ServerCertificate | IssuedCertificate | undefined;
  /** @default there are no balancers */
  balanced?: BalancedArgs | undefined;
  /** Tell browsers to come by HTTPS only, for a year. Not where the certificate is none that browsers know. */
  strictTransport: boolean;
}

const root = { owner: "root", group: "root", mode: "0644" };

/** nginx in front of the app: ends TLS, compresses, guards against slow and huge requests, hands on to a Unix socket. */
export function nginx(args: NginxArgs): RoleDefinition {
  const { cores, balanced, strictTransport } = args;
  const servers = [...(args.public ? ["public"] : []), ...(balanced ? ["balanced"] : [])];
  const where = args.public ? "127.0.0.1" : `${balanced?.address}:${balanced?.port}`;
  return {
    name: "nginx",
    packages,
    directories: [
      { path: "/etc/nginx/tls", owner: "root", group: "root", mode: "0700" },
      { path: "/etc/nginx/pages", owner: "root", group: "root", mode: "0755" },
      ...(balanced ? [{ path: unitFolder, owner: "root", group: "root", mode: "0755" }] : []),
    ],
    files: [
      {
        path: "/etc/nginx/nginx.conf",
        content: renderTemplate(`${here}/nginx.conf`, {
          workers: cores,
          balancedPort: balanced?.port ?? 0,
          servers: servers.map((name) => `include ${name}.conf;`).join("\n  "),
        }),
        ...root,
      },
      {
        path: "/etc/nginx/shop.conf",
        content: renderTemplate(`${here}/shop.conf`, {
          strictTransport: strictTransport
            ? 'add_header Strict-Transport-Security "max-age=31536000" always;'
            : "# no HSTS: browsers do not know the authority",
        }),
        ...root,
      },
      {
        path: "/etc/nginx/pages/unavailable.html",
        content: pausePage("unavailable"),
        ...root,
      },
      {
        path: "/etc/nginx/pages/maintenance.html",
        content: pausePage("maintenance"),
        ...root,
      },
      {
        path: "/usr/local/lib/dukaan/maintenance",
        content: renderTemplate(`${here}/maintenance.sh`),
        ...root,
        mode: "0755",
      },
      ...(args.public ? publicFiles(args.public) : []),
      ...(balanced ? balancedFiles(balanced) : []),
    ],
    validate: [["nginx", "-t", "-q", "-c", "{root}/etc/nginx/nginx.conf"]],
    services: [{ name: "nginx.service", enabled: true, onChange: "reload" }],
    activate: args.public && "thumbprint" in args.public ? [firstCertificate] : [],
    // An answer of nginx itself: the app may not be there yet.
    checks: [
      {
        command: ["curl", "--silent", "--insecure", "--output", "/dev/null", `https://${where}/metrics`],
        timeoutSeconds: 10,
      },
    ],
  };
}

/** Who looks at a server says so in the field `Host`. */
const balancerHost = "balancer";

/**
 * Until balancers have seen, with what HAProxy is set to (src/roles/haproxy/haproxy.cfg): that a server leaves, that one is
 * back which left by itself, and that one is back which was lost.
 */
const seenAfter = { leaveSeconds: 0.8, joinSeconds: 0.5, returnSeconds: 7 };

const unitFolder = "/etc/systemd/system/nginx.service.d";

function publicFiles(
  certificate: ServerCertificate | IssuedCertificate,
): NonNullable<RoleDefinition["files"]> {
  const path = "/etc/nginx/public.conf";
  if (!("thumbprint" in certificate)) {
    const content = renderTemplate(`${here}/public.conf`, {
      challenge: "# no ACME: the stack's own authority has signed",
      certificate: "tls/server.pem",
      privateKey: "tls/server.key",
    });
    return [{ path, content, ...root }, ...certificateFiles("server", certificate)];
  }
  const content = pulumi.output(certificate.thumbprint).apply((thumbprint) =>
    renderTemplate(`${here}/public.conf`, {
      challenge: renderTemplate(`${here}/challenge.conf`, { thumbprint }).trimEnd(),
      certificate: publicCertificate.chain,
      privateKey: publicCertificate.key,
    }),
  );
  return [{ path, content, ...root }];
}

function balancedFiles(args: BalancedArgs): NonNullable<RoleDefinition["files"]> {
  const { address, port, balancers } = args;
  return [
    {
      path: "/etc/nginx/balanced.conf",
      content: renderTemplate(`${here}/balanced.conf`, {
        address,
        port,
        balancers: balancers.map((balancer) => `set_real_ip_from ${balancer};`).join("\n  "),
      }),
      ...root,
    },
    ...certificateFiles("balanced", args),
    {
      path: "/usr/local/lib/dukaan/rotation",
      content: renderTemplate(`${here}/rotation.sh`, {
        ...seenAfter,
        host: balancerHost,
        url: `https://${address}:${port}/rotation`,
      }),
      ...root,
      mode: "0755",
    },
    { path: `${unitFolder}/10-dukaan.conf`, content: renderTemplate(`${here}/unit.conf`), ...root },
  ];
}

function certificateFiles(
  name: string,
  { certificate, privateKey }: ServerCertificate,
): NonNullable<RoleDefinition["files"]> {
  return [
    { path: `/etc/nginx/tls/${name}.pem`, content: certificate, ...root },
    { path: `/etc/nginx/tls/${name}.key`, content: privateKey, ...root, mode: "0600", secret: true },
  ];
}
