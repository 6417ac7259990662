import type * as pulumi from "@pulumi/pulumi";
import { renderTemplate } from "../../template.js";
import type { RoleDefinition } from "../role.js";

const here = "src/roles/nginx";

export const packages = ["nginx"];

export interface NginxArgs {
  /** One worker a core. */
  cores: number;
  /** PEM: the certificate, then its issuers. */
  certificate: pulumi.Input<string>;
  /** PEM. */
  privateKey: pulumi.Input<string>;
  /** Tell browsers to come by HTTPS only, for a year. Not where the certificate is none that browsers know. */
  strictTransport: boolean;
}

/** nginx in front of the app: ends TLS, compresses, guards against slow and huge requests, hands on to a Unix socket. */
export function nginx({ cores, certificate, privateKey, strictTransport }: NginxArgs): RoleDefinition {
  const root = { owner: "root", group: "root", mode: "0644" };
  return {
    name: "nginx",
    packages,
    directories: [
      { path: "/etc/nginx/tls", owner: "root", group: "root", mode: "0700" },
      { path: "/etc/nginx/pages", owner: "root", group: "root", mode: "0755" },
    ],
    files: [
      {
        path: "/etc/nginx/nginx.conf",
        content: renderTemplate(`${here}/nginx.conf`, {
          workers: cores,
          strictTransport: strictTransport
            ? 'add_header Strict-Transport-Security "max-age=31536000" always;'
            : "# no HSTS: browsers do not know the authority",
        }),
        ...root,
      },
      { path: "/etc/nginx/tls/server.pem", content: certificate, ...root },
      { path: "/etc/nginx/tls/server.key", content: privateKey, ...root, mode: "0600", secret: true },
      {
        path: "/etc/nginx/pages/unavailable.html",
        content: renderTemplate(`${here}/unavailable.html`),
        ...root,
      },
    ],
    validate: [["nginx", "-t", "-q", "-c", "{root}/etc/nginx/nginx.conf"]],
    services: [{ name: "nginx.service", enabled: true, onChange: "reload" }],
    // An answer of nginx itself: the app may not be there yet.
    checks: [
      {
        command: ["curl", "--silent", "--insecure", "--output", "/dev/null", "https://127.0.0.1/metrics"],
        timeoutSeconds: 10,
      },
    ],
  };
}
