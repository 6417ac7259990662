import { isIPv4 } from "node:net";
import { posix } from "node:path";
import type { CheckFailure } from "../resource.js";
import { holdsSecret, isKnown, isObject, type Properties } from "../values.js";
import type { Connection } from "../ssh/machine.js";

/** What a role puts on a machine, as the schema has made sure of it; in a preview, any value may be `unknown`. */
export type RoleContent = {
  name: string;
  packages?: string[];
  users?: { name: string; system?: boolean; home?: string; shell?: string; groups?: string[] }[];
  directories?: { path: string; owner: string; group: string; mode: string }[];
  /** By absolute path. */
  files?: Record<string, FileInput>;
  validate?: string[][];
  services?: { name: string; enabled: boolean; onChange: string }[];
  activate?: string[][];
  checks?: CheckInput[];
};

/** Inputs of a role on one machine. */
export type RoleInputs = RoleContent & {
  connection: Connection;
  serverId: string;
  after?: string[];
};

export type FileInput = { content: string; owner: string; group: string; mode: string; secret?: boolean };

export type CheckInput = { command: string[]; timeoutSeconds: number };

// Debian's own rules: debian-policy 5.6.7 (packages), useradd(8) (users and groups); systemd.unit(5).
const packageName = /^[a-z0-9][a-z0-9+.-]+$/;
const userName = /^[a-z_][a-z0-9_-]{0,31}$/;
const unitName = /^[\w@:.\\-]+$/;
const octalMode = /^0?[0-7]{3,4}$/;
const roleName = /^[a-z][a-z0-9-]{0,40}$/;

/** Everything that the schema cannot say. */
export function checkRole(inputs: RoleInputs): CheckFailure[] {
  return [
    ...checkServerId(inputs.serverId),
    ...checkConnection(inputs.connection),
    ...checkRoleContent(inputs),
  ];
}

export function checkServerId(serverId: string): CheckFailure[] {
  if (!isKnown(serverId) || /^[\w.:/-]+$/.test(serverId)) return [];
  return [{ property: "serverId", reason: `${JSON.stringify(serverId)} is not the id of a server` }];
}

/** The script on the machine relies on it: no tab or newline in any field. */
export function checkRoleContent(inputs: RoleContent): CheckFailure[] {
  const failures: CheckFailure[] = [];
  const expect = (property: string, value: string | undefined, pattern: RegExp, wanted: string) => {
    if (value !== undefined && isKnown(value) && !pattern.test(value))
      failures.push({ property, reason: `${JSON.stringify(value)} is not ${wanted}` });
  };
  const expectOwner = (property: string, item: { owner: string; group: string; mode: string }) => {
    expect(`${property}.owner`, item.owner, userName, "a user name");
    expect(`${property}.group`, item.group, userName, "a group name");
    expect(`${property}.mode`, item.mode, octalMode, "an octal mode such as 0640");
  };
  const expectPath = (property: string, path: string) => {
    if (isKnown(path) && !isPlainPath(path))
      failures.push({ property, reason: `${JSON.stringify(path)} is not an absolute path without . and ..` });
  };

  expect("name", inputs.name, roleName, "a name of small letters, digits and hyphens");
  known(inputs.packages).forEach((name, i) =>
    expect(`packages[${i}]`, name, packageName, "the name of a Debian package"),
  );
  known(inputs.users).forEach((user, i) => {
    expect(`users[${i}].name`, user.name, userName, "a user name");
    expect(`users[${i}].home`, user.home, /^\/[^\t\n:]*$/, "an absolute path");
    expect(`users[${i}].shell`, user.shell, /^\/[^\t\n:]*$/, "an absolute path");
    known(user.groups).forEach((group, j) =>
      expect(`users[${i}].groups[${j}]`, group, userName, "a group name"),
    );
  });
  known(inputs.directories).forEach((directory, i) => {
    expectPath(`directories[${i}].path`, directory.path);
    expectOwner(`directories[${i}]`, directory);
  });
  for (const [path, file] of Object.entries(isKnown(inputs.files) ? (inputs.files ?? {}) : {})) {
    const property = `files[${JSON.stringify(path)}]`;
    expectPath(property, path);
    expectOwner(property, file);
  }
  known(inputs.services).forEach((service, i) => {
    expect(`services[${i}].name`, service.name, unitName, "a systemd unit");
    expect(`services[${i}].onChange`, service.onChange, /^(restart|reload|none)$/, "restart, reload or none");
  });
  for (const kind of ["validate", "activate"] as const)
    known(inputs[kind]).forEach((command, i) => failures.push(...checkCommand(`${kind}[${i}]`, command)));
  return [...failures, ...checkChecks(inputs.checks)];
}

export function checkChecks(checks: CheckInput[] | undefined): CheckFailure[] {
  return known(checks).flatMap(({ command, timeoutSeconds }, i) => {
    const failures = checkCommand(`checks[${i}].command`, command);
    if (isKnown(timeoutSeconds) && !(timeoutSeconds >= 1 && timeoutSeconds <= 600))
      failures.push({ property: `checks[${i}].timeoutSeconds`, reason: "must be 1 to 600" });
    return failures;
  });
}

function checkCommand(property: string, command: string[]): CheckFailure[] {
  if (!isKnown(command)) return [];
  if (!command[0]) return [{ property, reason: "must name a program" }];
  return command.some((word) => word.includes("\0")) ? [{ property, reason: "must not hold a NUL" }] : [];
}

export function checkConnection({ host, port, user, hostKey, tunnel }: Connection): CheckFailure[] {
  const failures: CheckFailure[] = [];
  if (typeof port === "number" && !(port >= 1 && port <= 65535))
    failures.push({ property: "connection.port", reason: "must be 1 to 65535" });
  if (isKnown(user) && user !== "root")
    failures.push({ property: "connection.user", reason: "must be root: roles install packages and units" });
  if (
    isKnown(hostKey) &&
    !/^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/=]+/.test(hostKey)
  )
    failures.push({
      property: "connection.hostKey",
      reason: "must be a public key such as ssh-ed25519 AAAA…",
    });
  if (isObject(tunnel)) failures.push(...checkTunnel(tunnel, host));
  return failures;
}

/** What goes into an address that is signed for AWS. */
function checkTunnel(tunnel: NonNullable<Connection["tunnel"]>, host: string): CheckFailure[] {
  const failures: CheckFailure[] = [];
  const expect = (property: string, value: string, ok: boolean, wanted: string) => {
    if (isKnown(value) && !ok)
      failures.push({
        property: `connection.${property}`,
        reason: `${JSON.stringify(value)} is not ${wanted}`,
      });
  };
  const { endpointId, dnsName, region } = tunnel;
  expect("tunnel.endpointId", endpointId, /^eice-\w+$/.test(endpointId), "the id of an endpoint, eice-…");
  expect("tunnel.dnsName", dnsName, /^[\w.-]+(:\d+)?$/.test(dnsName), "a name");
  expect("tunnel.region", region, /^[a-z0-9-]+$/.test(region), "a region of AWS");
  expect("host", host, isIPv4(host), "an IPv4 address, as a tunnel needs one");
  return failures;
}

function isPlainPath(path: string): boolean {
  return posix.isAbsolute(path) && posix.normalize(path) === path && !/[\t\n\0]|\/$/.test(path);
}

/** The items of a list; none while the list as a whole is unknown. */
function known<Item>(list: Item[] | undefined): Item[] {
  return Array.isArray(list) ? list.filter((item) => typeof item !== "string" || isKnown(item)) : [];
}

/** The properties that may not be secret, because they show up in process lists, file names or the journal. */
export function checkPublic(wrapped: Properties, mayBeSecret: readonly string[]): CheckFailure[] {
  return Object.entries(wrapped)
    .filter(([name, value]) => !mayBeSecret.includes(name) && holdsSecret(value))
    .map(([property]) => ({
      property,
      reason:
        "must not hold a secret: it is visible on the machine. Put the secret into a file and name the file",
    }));
}
