import { cpSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { projectRoot } from "../../toolchain/cache.js";
import { writeFiles } from "./files.js";

/** What the command line of a {@link Checkout} prints. */
interface Printed {
  args: string[];
  cwd: string;
  node: string;
}

/**
 * A checkout with the real script `dukaan` and its setup, but with next to nothing to install and to compile: the build
 * notes each of its runs, and the command line prints what it was given.
 */
export class Checkout {
  constructor(readonly root: string) {
    mkdirSync(join(root, "toolchain"), { recursive: true });
    for (const file of ["dukaan", "toolchain/setup.mjs", "toolchain/lock.ts"]) {
      cpSync(join(projectRoot, file), join(root, file));
    }
    const self = { name: "checkout", version: "1.0.0" };
    writeFiles(root, {
      "package.json": JSON.stringify({ ...self, type: "module" }),
      "package-lock.json": JSON.stringify({ ...self, lockfileVersion: 3, packages: { "": self } }),
      "src/shop.ts": "export const shop = 1;",
      "scripts/build.mjs": `
        import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
        const at = (path) => new URL("../" + path, import.meta.url);
        if (readFileSync(at("src/shop.ts"), "utf8").includes("mistake")) {
          console.log("src/shop.ts(1,1): error TS1005: ';' expected.");
          process.exit(2);
        }
        await new Promise((done) => setTimeout(done, 200));
        appendFileSync(at("builds"), "x");
        mkdirSync(at("dist/src/cli"), { recursive: true });
        writeFileSync(at("dist/src/cli/main.js"),
          "console.log(JSON.stringify({ args: process.argv.slice(2), cwd: process.cwd(), node: process.execPath }));" +
          "process.exit(Number(process.argv[2]) || 0);");
      `,
    });
  }

  /** How often the build has run to its end. */
  get builds(): number {
    return readFileSync(join(this.root, "builds"), "utf8").length;
  }

  /** Runs `./dukaan`, by default with this very Node.js first on PATH. */
  async run(
    args: string[] = [],
    options: { cwd?: string; env?: Record<string, string>; script?: string } = {},
  ) {
    const { stdout, stderr, exitCode } = await execa(options.script ?? join(this.root, "dukaan"), args, {
      cwd: options.cwd ?? this.root,
      env: {
        PATH: `${dirname(process.execPath)}:${process.env["PATH"]}`,
        DUKAAN_CACHE: join(this.root, ".cache"),
        ...options.env,
      },
      reject: false,
    });
    const printed: Printed | undefined = stdout === "" ? undefined : JSON.parse(stdout);
    return { printed, stderr, exitCode };
  }
}

/** Makes a folder with links to programs, to be the whole PATH of a computer that has nothing else. */
export function makePath(folder: string, programs: Record<string, string>): string {
  mkdirSync(folder, { recursive: true });
  for (const [name, target] of Object.entries(programs)) symlinkSync(target, join(folder, name));
  return folder;
}

/** What every Debian has: enough for the script itself, without node, npm, curl and wget. */
export const essentials = Object.fromEntries(
  [
    "sh",
    "cmp",
    "dirname",
    "find",
    "head",
    "mkdir",
    "mktemp",
    "mv",
    "readlink",
    "rm",
    "tar",
    "gzip",
    "sha512sum",
    "uname",
  ].map((name) => [name, join("/usr/bin", name)]),
);
