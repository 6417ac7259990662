import { createHash } from "node:crypto";
import { quote, type ScriptFile } from "../ssh/script.js";
import { isKnown } from "../values.js";
import type { RoleContent } from "./inputs.js";

/** A role's content, and the machine that it is for. */
type PlacedRole = RoleContent & { serverId: string };

/** Where a role's files are while `validate` runs; the script moves them there. */
function stagedRoot(name: string, digest: string): string {
  return `/var/lib/dukaan/roles/${name}/${digest}/root`;
}

export function sha256(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

/**
 * Identifies what a role puts on a machine, so that the same inputs give the same digest in any order of their maps.
 * Secret contents enter as hashes. Undefined while something of it is unknown.
 */
export function roleDigest(inputs: RoleContent): string | undefined {
  const { name, packages, users, directories, files, validate, services, activate, checks } = inputs;
  const applied = [name, packages, users, directories, files, validate, services, activate, checks];
  if (!applied.every(isKnown)) return undefined;
  const parts = [
    name,
    packages ?? [],
    (users ?? []).map(userFields),
    (directories ?? []).map(directoryFields),
    filePaths(inputs).map((path) => fileFields(inputs, path)),
    validate ?? [],
    (services ?? []).map(serviceFields),
    activate ?? [],
    (checks ?? []).map(({ command, timeoutSeconds }) => [command, timeoutSeconds]),
  ];
  return sha256(JSON.stringify(parts)).slice(0, 16);
}

/** SHA-256 by path, of those whose content is known. */
export function fileDigests(inputs: RoleContent): Record<string, string> {
  const files = Object.entries(inputs.files ?? {}).filter(([, file]) => isKnown(file.content));
  return Object.fromEntries(files.map(([path, file]) => [path, sha256(file.content)]));
}

/** What apply-role.sh and remove-role.sh read. */
export function applyFiles(inputs: PlacedRole, digest: string): ScriptFile[] {
  const root = stagedRoot(inputs.name, digest);
  return [
    ...tables(inputs, digest),
    { path: "files", content: table(filePaths(inputs).map((path) => fileFields(inputs, path))) },
    ...Object.entries(inputs.files ?? {}).map(([path, { content }]) => ({ path: `root${path}`, content })),
    ...(inputs.validate ?? []).map((command, i) => ({
      path: `validate/${i + 1}`,
      content: `${quote(command.map((word) => word.replaceAll("{root}", root)))}\n`,
    })),
    ...(inputs.activate ?? []).map((command, i) => ({
      path: `activate/${i + 1}`,
      content: `${quote(command)}\n`,
    })),
    ...checkFiles(inputs.checks),
  ];
}

/** What read-role.sh reads: the same without contents, but with a word on which of them are secrets. */
export function readFiles(inputs: PlacedRole, isSecretFile: (path: string) => boolean): ScriptFile[] {
  const files = filePaths(inputs).map((path) =>
    fileFields(inputs, path).concat(isSecretFile(path) ? "yes" : "no"),
  );
  return [...tables(inputs, "-"), { path: "files", content: table(files) }];
}

export function checkFiles(checks: RoleContent["checks"] = []): ScriptFile[] {
  return checks.flatMap(({ command, timeoutSeconds }, i) => [
    { path: `checks/${i + 1}`, content: `${quote(command)}\n` },
    { path: `checks/${i + 1}.seconds`, content: `${timeoutSeconds}\n` },
  ]);
}

/** Octal without leading zeros, as stat(1) prints it. */
export function plainMode(mode: string): string {
  return Number.parseInt(mode, 8).toString(8);
}

function tables(inputs: PlacedRole, digest: string): ScriptFile[] {
  return [
    { path: "role", content: table([[inputs.name, digest, inputs.serverId]]) },
    { path: "packages", content: table((inputs.packages ?? []).map((name) => [name])) },
    { path: "users", content: table((inputs.users ?? []).map(userFields)) },
    { path: "directories", content: table((inputs.directories ?? []).map(directoryFields)) },
    { path: "services", content: table((inputs.services ?? []).map(serviceFields)) },
  ];
}

function table(rows: string[][]): string {
  return rows.map((fields) => `${fields.join("\t")}\n`).join("");
}

function filePaths(inputs: RoleContent): string[] {
  return Object.keys(inputs.files ?? {}).sort();
}

function fileFields(inputs: RoleContent, path: string): string[] {
  const file = inputs.files?.[path];
  return file ? [sha256(file.content), ...ownerFields(file), path] : [];
}

function ownerFields({ owner, group, mode }: { owner: string; group: string; mode: string }): string[] {
  return [plainMode(mode), owner, group];
}

function directoryFields(directory: NonNullable<RoleContent["directories"]>[number]): string[] {
  return ownerFields(directory).concat(directory.path);
}

function serviceFields({ name, enabled, onChange }: NonNullable<RoleContent["services"]>[number]): string[] {
  return [name, enabled ? "yes" : "no", onChange];
}

function userFields(user: NonNullable<RoleContent["users"]>[number]): string[] {
  const { name, system = true, home = "/nonexistent", shell = "/usr/sbin/nologin", groups = [] } = user;
  return [name, system ? "yes" : "no", home, shell, groups.join(",")];
}
