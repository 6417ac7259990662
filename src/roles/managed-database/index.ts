import * as pulumi from "@pulumi/pulumi";
import { renderTemplate } from "../../template.js";
import { type DatabaseLogin, unwantedLogins } from "../postgresql/index.js";
import type { RoleDefinition } from "../role.js";

const here = "src/roles/managed-database";
const directory = "/etc/dukaan/managed-database";
const setUp = "/usr/local/lib/dukaan/set-up-managed-database";
const root = { owner: "root", group: "root" };
const secret = { ...root, mode: "0600", secret: true };

export interface ManagedDatabaseArgs {
  /** Name at which it is reached; it stands in its certificate. */
  host: pulumi.Input<string>;
  /** PEM of the authority that signs its certificate. */
  authority: string;
  /** Who may make roles and databases there. */
  master: { user: string; password: pulumi.Input<string> };
  /** All that may log in to the shop's database; others are dropped. */
  logins: pulumi.Input<readonly DatabaseLogin[]>;
}

/**
 * The shop's database, its owner and its logins at a PostgreSQL that the provider runs, made from a machine of the stack:
 * nothing else reaches it. The master's password stays there in a file of root's, who can read the shop's data anyway.
 */
export function managedDatabase({ host, authority, master, logins }: ManagedDatabaseArgs): RoleDefinition {
  return {
    name: "managed-database",
    packages: ["postgresql-client-15"],
    directories: [{ path: directory, ...root, mode: "0700" }],
    files: [
      {
        path: `${directory}/service.conf`,
        content: pulumi
          .all([host, master.password])
          .apply(([name, password]) =>
            renderTemplate(`${here}/service.conf`, { host: name, user: master.user, password }),
          ),
        ...secret,
      },
      {
        path: `${directory}/setup.sql`,
        content: pulumi.output(logins).apply((known) =>
          renderTemplate(`${here}/setup.sql`, {
            unwantedLogins: unwantedLogins(),
            logins: known.map(({ name, verifier }) => `('${name}', '${verifier}')`).join(", "),
          }),
        ),
        ...secret,
      },
      { path: `${directory}/authority.crt`, content: authority, ...root, mode: "0644" },
      { path: setUp, content: renderTemplate(`${here}/set-up.sh`), ...root, mode: "0755" },
    ],
    activate: [[setUp]],
  };
}
