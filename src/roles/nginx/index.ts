import * as pulumi from "@pulumi/pulumi";
import { renderTemplate } from "../../template.js";
import type { Provider } from "../../topology/catalog.js";
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
export type BalancedArgs = {
  /** Private address to listen on. */
  address: string;
  port: number;
  /** Private addresses or ranges of the balancers, which are believed about who a visitor is. */
  balancers: readonly string[];
} & (
  | { /** HAProxy of the stack's own. */ tls: ServerCertificate; looks?: undefined }
  | { /** The provider's load balancer, which speaks plain HTTP. */ looks: Looks; tls?: undefined }
);

/** How often balancers look at a server, and how many looks in a row they believe. */
export interface Looks {
  intervalSeconds: number;
  timeoutSeconds: number;
  failures: number;
  successes: number;
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

/**
 * How the provider's load balancer looks at a server: as often as it can, and twice before it believes the worst. AWS's
 * wants two good looks as well, and no fewer than five seconds between them
 * (docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html).
 */
export const managedLooks: Readonly<Record<Provider, Looks>> = {
  hetzner: { intervalSeconds: 3, timeoutSeconds: 2, failures: 2, successes: 1 },
  aws: { intervalSeconds: 5, timeoutSeconds: 2, failures: 2, successes: 2 },
};

/**
 * Until balancers have seen: that a server leaves, that one is back which left by itself, and that one is back which was
 * lost. HAProxy as it is set in src/roles/haproxy/haproxy.cfg; the provider's load balancer as above, and a second more.
 */
const seenByHaproxy = { leaveSeconds: 0.8, joinSeconds: 0.5, returnSeconds: 7 };

function seenBy({ intervalSeconds, timeoutSeconds, failures, successes }: Looks): typeof seenByHaproxy {
  const after = (looks: number) => looks * intervalSeconds + timeoutSeconds + 1;
  return { leaveSeconds: after(failures), joinSeconds: after(successes), returnSeconds: after(successes) };
}

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
  const { address, port, balancers, tls, looks } = args;
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
        ...(looks ? seenBy(looks) : seenByHaproxy),
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
