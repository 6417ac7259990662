import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { RunError } from "@pulumi/pulumi";
import { bundleDirectory } from "./bundle-directory.js";
import { projectRoot } from "./project.js";

/** What is shipped to servers, as it lies on this computer. Only the digests decide whether a server needs it. */
export interface Artifacts {
  api: { directory: string; digest: string };
  node: { archive: string; version: string; digest: string };
  /** Native modules that the app's bundle cannot hold. */
  modules: { archive: string; digest: string };
}

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Finds the bundled app (made by the build) and the Node.js runtime and native modules (named by the environment).
 * @param held digest of the bundle that the stack stays at, instead of the one that is built
 * @throws RunError that says which command makes what is missing
 */
export function findArtifacts(
  root: string = projectRoot,
  environment: Variables = process.env,
  held?: string,
): Artifacts {
  const api = held === undefined ? findBundle(root, environment) : heldBundle(held, environment);
  return {
    api,
    node: findRuntime(environment["DUKAAN_NODE_RUNTIME"]),
    modules: findModules(environment["DUKAAN_NATIVE_MODULES"]),
  };
}

/** Machines that ran it have it; the copy on this computer is for those that do not. */
function heldBundle(digest: string, environment: Variables): Artifacts["api"] {
  const kept = environment["DUKAAN_BUNDLES"];
  if (!kept) {
    throw new RunError(
      `dukaan:release holds the app at bundle ${digest.slice(0, 12)}, and DUKAAN_BUNDLES, the folder of kept bundles, is not set. For plain pulumi: eval "$(./dukaan env)".`,
    );
  }
  return { directory: join(kept, digest), digest };
}

function findBundle(root: string, environment: Variables): Artifacts["api"] {
  const directory = bundleDirectory(root, environment);
  const record = `${directory}.json`;
  if (!existsSync(record) || !existsSync(directory)) {
    throw new RunError(`the app is not built: ${record} does not exist. Run \`npm run build\`.`);
  }
  const { digest }: { digest: string } = JSON.parse(readFileSync(record, "utf8"));
  return { directory, digest };
}

function findRuntime(text: string | undefined): Artifacts["node"] {
  const variable = "DUKAAN_NODE_RUNTIME";
  const { archive, version, digest } = findArchive(variable, text, "the Node.js for servers");
  if (!version) throw lacking(variable, "version");
  return { archive, version, digest };
}

function findModules(text: string | undefined): Artifacts["modules"] {
  const { archive, digest } = findArchive("DUKAAN_NATIVE_MODULES", text, "the image library for servers");
  return { archive, digest };
}

const remedy = 'Run `./dukaan up`, or for plain pulumi: eval "$(./dukaan env)".';

const lacking = (variable: string, what: string): RunError =>
  new RunError(`${variable} lacks ${what}. ${remedy}`);

/** Reads what the command line says about an archive for servers, as JSON in the environment. */
function findArchive(
  variable: string,
  text: string | undefined,
  title: string,
): { archive: string; digest: string; version?: string } {
  if (!text) throw new RunError(`${variable} is not set: it names ${title}. ${remedy}`);
  let found: { archive?: string; digest?: string; version?: string };
  try {
    found = JSON.parse(text);
  } catch {
    throw new RunError(`${variable} is not JSON: ${text.slice(0, 80)}. ${remedy}`);
  }
  const { archive, digest } = found;
  if (!archive) throw lacking(variable, "archive");
  if (!digest) throw lacking(variable, "digest");
  if (!existsSync(archive)) throw new RunError(`${title} is gone: ${archive}. ${remedy}`);
  return { ...found, archive, digest };
}
