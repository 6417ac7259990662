import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../../../src/project.js";
import { hiddenTexts } from "../mask.js";
import { modulesArchive, runtimeArchive, type ReleaseArchive } from "../release/archives.js";
import { releaseId, type ReleaseContent } from "../release/inputs.js";
import { switchFiles } from "../release/switch-files.js";
import type { RoleContent } from "../role/inputs.js";
import { applyFiles, roleDigest, sha256 } from "../role/specification.js";
import type { ScriptFile } from "../ssh/script.js";
import { isKnown } from "../values.js";

/** What a package brings. */
export type PackageContent = {
  /** In the order in which they are applied. */
  roles: RoleContent[];
  release: ReleaseContent;
};

/** Raised when packages of the same inputs are laid out in another way. */
const layout = 1;

/** Which machine it will be is known to nobody; the scripts only note it. */
const anyMachine = "-";

/** What boot.sh runs; the switch brings its own way back. */
const scripts = {
  applyRole: "apply-role.sh",
  placeArchive: "place-archive.sh",
  switchRelease: "switch-release.sh",
  fallBack: "fall-back-release.sh",
};

/** Identifies what machines get of it. Undefined while something of it is unknown. */
export function contentId({ roles, release }: PackageContent): string | undefined {
  if (!isKnown(roles) || !isKnown(release)) return undefined;
  const { service, credentials, checks, readySeconds } = release;
  const parts = [
    layout,
    Object.values(scripts).map((name) => sha256(script(name))),
    roles.map(roleDigest),
    [releaseId(release), service, credentials ?? [], checks ?? [], readySeconds ?? 0],
  ];
  return sha256(JSON.stringify(parts)).slice(0, 16);
}

/**
 * The package's files:
 *   roles/01-base/…  each role as apply-role.sh takes it, in order
 *   release/…        the release as switch-release.sh takes it, with that script as `script`
 *   apply-role, place-archive
 *   objects          what else to fetch: folder on the machine, what must be in it, key in the bucket, SHA-256
 *   masks            texts that no message may show, a line each
 */
export async function packageFiles({ roles, release }: PackageContent): Promise<ScriptFile[]> {
  const placed = { ...release, serverId: anyMachine, standbySeconds: 0 };
  const switched = await switchFiles(placed, releaseId(release) ?? "");
  return [
    { path: "apply-role", content: script(scripts.applyRole) },
    { path: "place-archive", content: script(scripts.placeArchive) },
    { path: "objects", content: packageObjects(release).map(objectLine).join("") },
    { path: "masks", content: masks({ roles, release }) },
    ...roles.flatMap((role, index) =>
      below(
        `roles/${String(index + 1).padStart(2, "0")}-${role.name}`,
        applyFiles({ ...role, serverId: anyMachine }, roleDigest(role) ?? ""),
      ),
    ),
    ...below("release", [{ path: "script", content: script(scripts.switchRelease) }, ...switched]),
  ];
}

/** What is too large for every package and changes rarely: Node.js and native modules. */
export function packageObjects(release: ReleaseContent): ReleaseArchive[] {
  const modules = modulesArchive(release);
  return [runtimeArchive(release), ...(modules ? [modules] : [])];
}

/** Where an archive is in the bucket. */
export function objectKey({ digest }: Pick<ReleaseArchive, "digest">): string {
  return `objects/${digest}.tar.gz`;
}

function objectLine(object: ReleaseArchive): string {
  return `${[object.place, object.content, objectKey(object), object.digest].join("\t")}\n`;
}

/** A message of a program may quote what it was given; nobody is there to mask it but the machine itself. */
function masks({ roles, release }: PackageContent): string {
  const files = roles.flatMap((role) => Object.values(role.files ?? {}));
  const secrets = files.filter((file) => file.secret === true).map(({ content }) => content);
  return hiddenTexts([...secrets, ...Object.values(release.environment)])
    .filter((text) => !text.includes("\n"))
    .map((text) => `${text}\n`)
    .join("");
}

function below(folder: string, files: readonly ScriptFile[]): ScriptFile[] {
  return files.map((file) => ({ ...file, path: `${folder}/${file.path}` }));
}

/** Read at once, because a diff waits for nothing. */
function script(name: string): Buffer {
  return readFileSync(join(projectRoot, "providers/dukaan/machine", name));
}
