import * as pulumi from "@pulumi/pulumi";
import { RandomId } from "@pulumi/random/randomId.js";
import { RandomPassword } from "@pulumi/random/randomPassword.js";
import type { DatabaseLogin } from "../src/roles/postgresql/index.js";
import { scramVerifier } from "../src/roles/postgresql/scram.js";

/** Somebody who may log in to a database. */
export interface Login {
  user: string;
  password: pulumi.Output<string>;
  /** What the server and PgBouncer keep. */
  login: pulumi.Output<DatabaseLogin>;
}

/** Who the app logs in as, with all others that may. */
export interface Logins {
  /** The app's, e.g. "shop_1". */
  user: string;
  /** The password of {@link user}; secret. */
  password: pulumi.Output<string>;
  /** All who may log in; secret. */
  logins: pulumi.Output<DatabaseLogin[]>;
}

/**
 * The logins of a shop's database, each with a password of its own.
 * @param name of the database; the resources' begin with it
 * @param numbers the first is the app's
 * @throws Error when there is none
 */
export function makeLogins(name: string, numbers: readonly number[], parent: pulumi.Resource): Logins {
  const [first, ...others] = numbers.map((number) =>
    makeLogin(`${name}-login-${number}`, `shop_${number}`, parent),
  );
  if (!first) throw new Error("a database wants at least one login");
  const logins = pulumi.secret(pulumi.all([first, ...others].map(({ login }) => login)));
  return { user: first.user, password: first.password, logins };
}

export function makeLogin(name: string, user: string, parent: pulumi.Resource): Login {
  // Letters and digits: it stands in URLs and configuration files without quoting.
  const password = new RandomPassword(name, { length: 40, special: false }, { parent }).result;
  // No secret: the server tells it to whoever begins to log in.
  const salt = new RandomId(`${name}-salt`, { byteLength: 16 }, { parent }).b64Std;
  const login = pulumi
    .all([password, salt])
    .apply(([text, bytes]) => ({ name: user, verifier: scramVerifier(text, bytes) }));
  return { user, password, login };
}
