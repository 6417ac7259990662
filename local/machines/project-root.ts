import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The folder of the project, or of the package that the local cloud also is: files that are not compiled (scripts,
 * image sources) are read from there.
 */
export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (folder !== "/") {
    if (existsSync(`${folder}/local/machines/supervise.sh`)) return folder;
    folder = dirname(folder);
  }
  throw new Error(`${fileURLToPath(import.meta.url)} is not inside the project`);
}
