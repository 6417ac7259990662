import { join } from "node:path";
import { projectRoot } from "./project.js";

/** The folder of the app's bundle: what the build made, or what `DUKAAN_API_BUNDLE` names. Its record lies beside it. */
export function bundleDirectory(
  root: string = projectRoot,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  return environment["DUKAAN_API_BUNDLE"] || join(root, "dist", "bundles", "api");
}
