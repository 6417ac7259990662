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
export interface BalancedArgs {
  /** Private address to listen on. */
  address: string;
  port: number;
  /** @default plain HTTP, to the provider's load balancer */
  tls?: ServerCertificate | undefined;
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
  const where = args.public ? "https://127.0.0.1" : balanced && originOf(balanced);
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
          // The provider's load balancer hands on what a visitor claims to be an id.
          trustedPort: balanced?.tls ? balanced.port : 0,
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
        command: ["curl", "--silent", "--insecure", "--output", "/dev/null", `${where}/metrics`],
        timeoutSeconds: 10,
      },
    ],
  };
}

/** Who looks at a server says so in the field `Host`. */
export const balancerHost = "balancer";

/** How the provider's load balancer looks at a server: as often as it can, and twice before it believes the worst. */
export const managedLooks = { intervalSeconds: 3, timeoutSeconds: 2, failures: 2 };

/**
 * Until balancers have seen: that a server leaves, that one is back which left by itself, and that one is back which was
 * lost. HAProxy as it is set in src/roles/haproxy/haproxy.cfg; the provider's load balancer as above, and a second more.
 */
const seenByHaproxy = { leaveSeconds: 0.8, joinSeconds: 0.5, returnSeconds: 7 };
const { intervalSeconds, timeoutSeconds, failures } = managedLooks;
const back = intervalSeconds + timeoutSeconds + 1;
const seenByManaged = {
  leaveSeconds: failures * intervalSeconds + timeoutSeconds + 1,
  joinSeconds: back,
  returnSeconds: back,
};

function originOf({ address, port, tls }: BalancedArgs): string {
  return `${tls ? "https" : "http"}://${address}:${port}`;
}

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
  const { address, port, balancers, tls } = args;
  const listen = tls
    ? [
        `listen ${address}:${port} ssl default_server;`,
        "ssl_certificate tls/balanced.pem;",
        "ssl_certificate_key tls/balanced.key;",
      ]
    : [`listen ${address}:${port} default_server;`];
  return [
    {
      path: "/etc/nginx/balanced.conf",
      content: renderTemplate(`${here}/balanced.conf`, {
        listen: listen.join("\n  "),
        balancers: balancers.map((balancer) => `set_real_ip_from ${balancer};`).join("\n  "),
      }),
      ...root,
    },
    ...(tls ? certificateFiles("balanced", tls) : []),
    {
      path: "/usr/local/lib/dukaan/rotation",
      content: renderTemplate(`${here}/rotation.sh`, {
        ...(tls ? seenByHaproxy : seenByManaged),
        host: balancerHost,
        url: `${originOf(args)}/rotation`,
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
