import { existsSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the project: files that are not compiled (scripts, image sources) are read from there. */
export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (folder !== "/") {
    const manifest = `${folder}/package.json`;
    if (existsSync(manifest)) {
      const { name }: { name?: string } = JSON.parse(readFileSync(manifest, "utf8"));
      if (name === "dukaan") return folder;
    }
    folder = dirname(folder);
  }
  throw new Error(`${fileURLToPath(import.meta.url)} is not inside the dukaan project`);
}
