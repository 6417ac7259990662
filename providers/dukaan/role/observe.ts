import { isObject, isSecret, mapValues, secret, type Properties } from "../values.js";
import type { FileInput, RoleInputs } from "./inputs.js";
import { roleDigest, sha256 } from "./specification.js";

/** Whether the content of a file must stay wrapped. */
export function isSecretFile(wrapped: Properties, path: string): boolean {
  const files = wrapped["files"];
  if (isSecret(files)) return true;
  const file = isObject(files) ? files[path] : undefined;
  return isSecret(file) || (isObject(file) && (isSecret(file["content"]) || file["secret"] === true));
}

/**
 * Turns the output of read-role.sh into a role's state: inputs that would have led to what was found, so that Pulumi
 * shows drift as the difference to what the program wants. Of a secret file only the hash is known.
 */
export function observe(
  recorded: RoleInputs,
  lines: string[],
  isSecretPath: (path: string) => boolean,
): { outputs: Properties; inputs: Properties } {
  const rows = lines.map((line) => line.split("\t"));
  const of = (kind: string) => rows.filter(([first]) => first === kind).map(([, ...fields]) => fields);

  const missing = new Set(of("package").map(([name]) => name));
  const directories = new Map(of("directory").map(([path, ...fields]) => [path, fields]));
  const contents = new Map(of("content").map(([path, base64 = ""]) => [path, Buffer.from(base64, "base64")]));
  const services = new Map(of("service").map(([unit, active, enabled]) => [unit, { active, enabled }]));

  const files: Record<string, FileInput> = {};
  const fileDigests: Record<string, string> = {};
  for (const [path = "", found = "-", mode = "", owner = "", group = ""] of of("file")) {
    const file = recorded.files?.[path];
    if (found === "-" || !file) continue;
    const changed = contents.get(path)?.toString("utf8") ?? `(changed on the machine: SHA-256 ${found})`;
    const content = found === sha256(file.content) ? file.content : changed;
    files[path] = { ...file, content, mode: sameMode(mode, file.mode), owner, group };
    fileDigests[path] = found;
  }

  const observed: RoleInputs = { ...recorded, files };
  if (recorded.packages) observed.packages = recorded.packages.filter((name) => !missing.has(name));
  if (recorded.directories)
    observed.directories = recorded.directories.flatMap((directory) => {
      const [mode = "-", owner = "", group = ""] = directories.get(directory.path) ?? [];
      if (!directories.has(directory.path)) return [directory];
      return mode === "-" ? [] : [{ path: directory.path, mode, owner, group }];
    });
  if (recorded.services)
    observed.services = recorded.services.map(({ name, enabled, onChange }) => {
      const found = services.get(name);
      const isRunning = found?.active === "yes" && found.enabled === "yes";
      const isStopped = found?.active === "no" && found.enabled === "no";
      return { name, enabled: enabled ? isRunning : !isStopped, onChange };
    });

  const isComplete = of("digest")[0]?.[0] === roleDigest(recorded);
  const digest = isComplete ? (roleDigest(observed) ?? "") : "";
  const connection = { ...recorded.connection, privateKey: secret(recorded.connection.privateKey) };
  const sealed = mapValues(files, (file, path) =>
    isObject(file) && isSecretPath(path) ? { ...file, content: secret(file["content"] ?? "") } : file,
  );
  return { outputs: { digest, fileDigests }, inputs: { ...observed, connection, files: sealed } };
}

/** stat(1) prints 640 where the program wrote 0640. */
function sameMode(found: string, recorded: string): string {
  return Number.parseInt(found, 8) === Number.parseInt(recorded, 8) ? recorded : found;
}

/** Wraps the content of every file that is marked as a secret. */
export function sealFiles(wrapped: Properties): Properties {
  const { files } = wrapped;
  if (!isObject(files) || isSecret(files)) return wrapped;
  const sealed = mapValues(files, (file) =>
    isObject(file) && file["secret"] === true ? { ...file, content: secret(file["content"] ?? "") } : file,
  );
  return { ...wrapped, files: sealed };
}
