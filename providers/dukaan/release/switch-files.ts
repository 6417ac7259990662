import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ProviderError } from "../resource.js";
import { checkFiles } from "../role/specification.js";
import { quote, readScript, type ScriptFile } from "../ssh/script.js";
import {
  environmentFile,
  modulesFolder,
  runtimeFolder,
  type ReleaseContent,
  type ReleaseInputs,
} from "./inputs.js";

/** A release's content, and where and how it is switched to. */
export type PlacedRelease = ReleaseContent &
  Pick<ReleaseInputs, "serverId" | "migrate" | "rotation" | "standbySeconds">;

/** Seconds after which an instance ends that is not switched to: as long as the slowest of many servers may take. */
const candidateSeconds = 900;

/**
 * What switch-release.sh reads.
 * @param id of the release
 * @param machine whether the release's files are there already, and whether nothing is to be switched
 */
export async function switchFiles(
  inputs: PlacedRelease,
  id: string,
  { isThere = false, prepare = false } = {},
): Promise<ScriptFile[]> {
  return [
    description(inputs, id),
    { path: "env", content: environmentFile(inputs, id) },
    { path: "credentials", content: (inputs.credentials ?? []).map((name) => `${name}\n`).join("") },
    ...(isThere ? [] : await bundleFiles(inputs)),
    { path: "fall-back", content: await readScript("fall-back-release.sh") },
    ...(inputs.migrate ? [{ path: "migrate", content: quote(inputs.migrate) }] : []),
    ...Object.entries(inputs.rotation ?? {}).map(([step, command]) => ({
      path: `rotation/${step}`,
      content: quote(command),
    })),
    ...(prepare ? [{ path: "prepare", content: `${candidateSeconds}\n` }] : []),
    ...checkFiles(inputs.checks),
  ];
}

/** The file `release` of the scripts. */
export function description(inputs: PlacedRelease, id: string): ScriptFile {
  const { service, bundle, runtime, user, readySeconds = 60, standbySeconds = 180, serverId } = inputs;
  const fields = [
    service,
    id,
    runtimeFolder(runtime),
    user,
    readySeconds,
    serverId,
    bundle.digest,
    standbySeconds,
    modulesFolder(inputs),
  ];
  return { path: "release", content: `${fields.join("\t")}\n` };
}

/** The bundle's files, in a fixed order. */
async function bundleFiles({ bundle }: ReleaseContent): Promise<ScriptFile[]> {
  const entries = await readdir(bundle.directory, { recursive: true, withFileTypes: true }).catch(() => {
    throw new ProviderError(
      `bundle.directory: there is no folder ${bundle.directory}. Run ./dukaan env, which builds it; that of a release at which the stack is held (dukaan:release) is where it was deployed from, and ./dukaan up --release latest deploys what is built here instead`,
    );
  });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(bundle.directory.length).replace(/^\/+/, ""))
    .sort();
  return Promise.all(
    paths.map(async (path) => ({
      path: `bundle/${path}`,
      content: await readFile(join(bundle.directory, path)),
      mode: 0o644,
    })),
  );
}
