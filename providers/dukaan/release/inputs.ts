import { createHash } from "node:crypto";
import type { CheckFailure } from "../resource.js";
import { checkChecks, checkConnection, checkServerId, type CheckInput } from "../role/inputs.js";
import type { Connection } from "../ssh/machine.js";
import { isKnown, isObject } from "../values.js";

/** What a release runs, as the schema has made sure of it; in a preview, any value may be `unknown`. */
export type ReleaseContent = {
  service: string;
  bundle: { directory: string; digest: string };
  runtime: { archive: string; version: string; digest: string };
  modules?: { archive: string; digest: string };
  user: string;
  environment: Record<string, string>;
  credentials?: string[];
  checks?: CheckInput[];
  readySeconds?: number;
};

/** Inputs of a release on one machine. */
export type ReleaseInputs = ReleaseContent & {
  connection: Connection;
  serverId: string;
  migrate?: string[];
  rotation?: { leave: string[]; join: string[] };
  standbySeconds?: number;
  after?: string[];
};

/** Everything that the schema cannot say. */
export function checkRelease(inputs: ReleaseInputs): CheckFailure[] {
  const { standbySeconds = 0 } = inputs;
  const failures = [
    ...checkConnection(inputs.connection),
    ...checkServerId(inputs.serverId),
    ...checkReleaseContent(inputs),
  ];
  if (isKnown(standbySeconds) && !(standbySeconds >= 0 && standbySeconds <= 3600))
    failures.push({ property: "standbySeconds", reason: "must be 0 to 3600" });
  return failures;
}

export function checkReleaseContent(inputs: ReleaseContent): CheckFailure[] {
  const failures: CheckFailure[] = [];
  const expect = (property: string, value: string, pattern: RegExp, wanted: string) => {
    if (isKnown(value) && !pattern.test(value))
      failures.push({ property, reason: `${JSON.stringify(value)} is not ${wanted}` });
  };
  expect("service", inputs.service, /^[a-z][a-z0-9-]{0,30}$/, "a name of small letters, digits and hyphens");
  expect("user", inputs.user, /^[a-z_][a-z0-9_-]{0,31}$/, "a user name");
  const { bundle, runtime, modules, environment, credentials, readySeconds } = inputs;
  if (isObject(bundle)) expect("bundle.digest", bundle.digest, /^[0-9a-f]{16,128}$/, "a hash in hexadecimal");
  if (isObject(runtime)) {
    expect("runtime.digest", runtime.digest, /^[0-9a-f]{16,128}$/, "a hash in hexadecimal");
    expect("runtime.version", runtime.version, /^v?\d+\.\d+\.\d+$/, "a version such as 24.21.0");
  }
  if (isObject(modules))
    expect("modules.digest", modules.digest, /^[0-9a-f]{16,128}$/, "a hash in hexadecimal");
  for (const [name, value] of Object.entries(isObject(environment) ? environment : {})) {
    const property = `environment.${name}`;
    if (!/^[A-Z_][A-Z0-9_]*$/i.test(name)) failures.push({ property, reason: "is not a name of a variable" });
    if (isKnown(value) && value.includes("\0")) failures.push({ property, reason: "must not hold a NUL" });
  }
  for (const name of credentials ?? []) {
    if (isKnown(environment) && isKnown(name) && !(name in environment))
      failures.push({ property: "credentials", reason: `${name} is no variable of the environment` });
  }
  if (readySeconds !== undefined && isKnown(readySeconds) && !(readySeconds >= 1 && readySeconds <= 600))
    failures.push({ property: "readySeconds", reason: "must be 1 to 600" });
  return [...failures, ...checkChecks(inputs.checks)];
}

/**
 * Names a release: what runs, on which runtime, with which environment. Paths on this computer do not count.
 * Undefined while something of it is unknown.
 */
export function releaseId(inputs: ReleaseContent): string | undefined {
  const { bundle, runtime, modules, environment, user } = inputs;
  if (![bundle, runtime, modules, environment, user].every(isKnown)) return undefined;
  const variables = Object.entries(environment).sort(([a], [b]) => (a < b ? -1 : 1));
  const parts = [bundle.digest, runtime.digest, runtime.version, user, variables, modules?.digest];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 12);
}

/** Name of the folder of a release's Node.js on a machine. */
export function runtimeFolder({ version }: ReleaseContent["runtime"]): string {
  return `node-${version.replace(/^v/, "")}`;
}

/** Name of the folder of a release's modules on a machine; "-" when it has none. */
export function modulesFolder({ modules }: ReleaseContent): string {
  return modules?.digest.slice(0, 16) ?? "-";
}

/** Where the release listens until it is switched to. */
function socketOf(inputs: ReleaseContent, id: string): string {
  return `/run/dukaan/${inputs.service}-${id}.sock`;
}

/** An EnvironmentFile that a shell reads in the same way: single quotes, in which nothing is special. */
export function environmentFile(inputs: ReleaseContent, id: string): string {
  const added = { LISTEN_SOCKET: socketOf(inputs, id), RELEASE_ID: id };
  return Object.entries({ ...inputs.environment, ...added })
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}='${value.replaceAll("'", `'"'"'`)}'\n`)
    .join("");
}
