import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { RunError } from "@pulumi/pulumi";
import { projectRoot } from "./project.js";

/** What is shipped to servers, as it lies on this computer. Only the digests decide whether a server needs it. */
export interface Artifacts {
  api: { directory: string; digest: string };
  node: { archive: string; version: string; digest: string };
}

/**
 * Finds the bundled app (made by the build) and the Node.js runtime (named by the environment).
 * @throws RunError that says which command makes what is missing
 */
export function findArtifacts(
  root: string = projectRoot,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Artifacts {
  return { api: findBundle(root, "api"), node: findRuntime(environment["DUKAAN_NODE_RUNTIME"]) };
}

function findBundle(root: string, name: string): Artifacts["api"] {
  const directory = join(root, "dist", "bundles", name);
  const record = `${directory}.json`;
  if (!existsSync(record) || !existsSync(directory)) {
    throw new RunError(`the app is not built: ${record} does not exist. Run \`npm run build\`.`);
  }
  const { digest }: { digest: string } = JSON.parse(readFileSync(record, "utf8"));
  return { directory, digest };
}

function findRuntime(text: string | undefined): Artifacts["node"] {
  const remedy = 'Run `./dukaan up`, or for plain pulumi: eval "$(./dukaan env)".';
  if (!text)
    throw new RunError(`DUKAAN_NODE_RUNTIME is not set: it names the Node.js for servers. ${remedy}`);
  let runtime: Partial<Artifacts["node"]>;
  try {
    runtime = JSON.parse(text);
  } catch {
    throw new RunError(`DUKAAN_NODE_RUNTIME is not JSON: ${text.slice(0, 80)}. ${remedy}`);
  }
  const { archive, version, digest } = runtime;
  if (!archive || !version || !digest) {
    throw new RunError(
      `DUKAAN_NODE_RUNTIME lacks archive, version or digest: ${text.slice(0, 80)}. ${remedy}`,
    );
  }
  if (!existsSync(archive)) throw new RunError(`the Node.js for servers is gone: ${archive}. ${remedy}`);
  return { archive, version, digest };
}
