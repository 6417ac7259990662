import { existsSync } from "node:fs";
import { join } from "node:path";

// A bundle holds migrations and assets beside its .mjs files, as this folder holds them beside its sources.
const directory = import.meta.dirname;

/** Folder with the SQL migrations of this release. */
export const migrationsDirectory = join(directory, "migrations");

/** Folder with the files that browsers load (style sheet, icon). */
export const assetsDirectory = join(directory, "assets");

/** The program that re-encodes one picture: beside this module, as a source or as a part of the bundle. */
export const reencodeProgram = [join(directory, "reencode.mjs"), join(directory, "images/reencode.ts")].find(
  (path) => existsSync(path),
)!;
