import { chmod, mkdir, readFile, symlink, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { projectRoot } from "../../toolchain/cache.js";

/** Where things are on a real one; an extended regular expression, for `sed` too. */
const PLACES = "/usr/local/lib/dukaan|/opt/dukaan|/run/dukaan";

/**
 * What a rollback needs of an app server, in a folder: the script that goes back is the real one, the switch itself only moves
 * the link. An `ssh` on PATH reaches it, at any address.
 */
export class AppServer {
  private constructor(private readonly folder: string) {}

  static async make(folder: string): Promise<AppServer> {
    const server = new AppServer(folder);
    await mkdir(join(folder, "releases/api"), { recursive: true });
    await mkdir(join(folder, "bin"));
    const script = await readFile(join(projectRoot, "providers/dukaan/machine/fall-back-release.sh"), "utf8");
    await server.program("fall-back-release", script.replaceAll(new RegExp(PLACES, "g"), folder));
    await server.program(
      "switch-release",
      `#!/bin/sh\nln -sfn "$(cut -f 2 "$1/release")" '${folder}/releases/api/current'\n`,
    );
    // Its last word is the command.
    await server.program(
      "bin/ssh",
      `#!/bin/sh\nfor command; do :; done\necho "$command" >> '${folder}/asked'\nexec sh -c "$(printf %s "$command" | sed -E 's#${PLACES}#${folder}#g')"\n`,
    );
    return server;
  }

  /** Goes before all others on PATH. */
  get path(): string {
    return join(this.folder, "bin");
  }

  /** As a deployment leaves it. */
  async deploy(release: string, bundle: string): Promise<void> {
    const releases = join(this.folder, "releases/api");
    await mkdir(join(releases, release), { recursive: true });
    await writeFile(join(releases, release, ".bundle"), `${bundle}\n`);
    await writeFile(join(releases, ".server"), "a server\n");
    await rm(join(releases, "current"), { force: true });
    await symlink(release, join(releases, "current"));
  }

  /** The digest of the bundle that serves. */
  async serves(): Promise<string> {
    return (await readFile(join(this.folder, "releases/api/current/.bundle"), "utf8")).trim();
  }

  /** What it was asked to do. */
  async asked(): Promise<string[]> {
    const lines = await readFile(join(this.folder, "asked"), "utf8").catch(() => "");
    return lines.split("\n").filter((line) => line !== "");
  }

  private async program(name: string, text: string): Promise<void> {
    await writeFile(join(this.folder, name), text);
    await chmod(join(this.folder, name), 0o755);
  }
}
