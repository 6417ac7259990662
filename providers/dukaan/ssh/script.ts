import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough, type Readable } from "node:stream";
import { createGzip } from "node:zlib";
import { pack } from "tar-stream";
import { projectRoot } from "../../../src/project.js";
import type { CommandResult, Machine } from "./machine.js";

/** A file that a script finds below its working folder. */
export interface ScriptFile {
  /** Relative to the folder. */
  path: string;
  content: string | Buffer;
  /** @default 0o600 */
  mode?: number;
}

/**
 * Unpacks standard input into a fresh folder that only root can read, runs the script in it with the folder as its
 * argument, and removes the folder. A signal is left to the script, which cleans up after itself. Folders that nobody is
 * at any more, because of a power cut or a kill, go with the next one: there may be secrets in them.
 */
const unpackAndRun = [
  "set -eu",
  "umask 077",
  "install -d -m 0711 /var/lib/dukaan",
  "install -d -m 0700 /var/lib/dukaan/incoming",
  "exec 8> /var/lib/dukaan/incoming/.lock",
  "flock 8",
  'for o in /var/lib/dukaan/incoming/*; do [ ! -d "$o" ] || flock --nonblock "$o" rm -rf "$o" || true; done',
  "d=$(mktemp -d /var/lib/dukaan/incoming/XXXXXXXX)",
  'exec 9< "$d"',
  "flock 9",
  "exec 8>&-",
  `trap 'rm -rf "$d"' EXIT`,
  "trap : TERM HUP",
  `tar -xzmf - -C "$d"`,
  `sh "$d/script" "$d" </dev/null`,
].join("; ");

/** Runs one of the scripts in `providers/dukaan/machine` with its files. Nothing of them is ever an argument. */
export async function runScript(
  machine: Machine,
  name: string,
  files: ScriptFile[],
  onLine?: (line: string) => void,
): Promise<CommandResult> {
  const script = await readScript(name);
  return machine.run(unpackAndRun, archive([{ path: "script", content: script }, ...files]), onLine);
}

/** One of the scripts in `providers/dukaan/machine`. */
export async function readScript(name: string): Promise<Buffer> {
  return readFile(join(projectRoot, "providers/dukaan/machine", name));
}

/** A gzipped tar stream; the same files make the same bytes. */
export function archive(files: ScriptFile[]): Readable {
  const tar = pack();
  for (const { path, content, mode = 0o600 } of files)
    tar.entry({ name: path, mode, mtime: new Date(0), uname: "root", gname: "root" }, content);
  tar.finalize();
  return tar.pipe(createGzip({ level: 6 })).pipe(new PassThrough());
}

/** A command as a line of shell in which nothing is expanded. */
export function quote(command: readonly string[]): string {
  return command
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(" ");
}
