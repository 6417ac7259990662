// Bundles the applications: dist/bundles/<app>/ runs with plain Node.js and no node_modules, and
// dist/bundles/<app>.json names its content: { "digest": <sha256 hex>, "bytes": <sum of sizes> }.
import { build } from "esbuild";
import { createHash, hash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

/** What identifies a bundle: equal content has an equal digest, wherever and whenever it was built. */
export interface BundleManifest {
  /** SHA-256 (hex) over the sorted list of files, each with its own SHA-256. */
  digest: string;
  /** Sum of the files' sizes. */
  bytes: number;
}

/** 2000-01-01T00:00:00Z, in seconds: files carry no trace of when they were built. */
const FIXED_TIME = 946_684_800;

/**
 * Builds the API's bundle from the sources under `root` into `outputDirectory`/api and /api.json. The same sources
 * and dependencies give the same bytes in any folder.
 */
export async function bundleApi(root: string, outputDirectory: string): Promise<BundleManifest> {
  mkdirSync(outputDirectory, { recursive: true });
  const staged = mkdtempSync(join(outputDirectory, ".api-"));
  try {
    await buildInto(join(root, "apps/api"), root, staged);
    const manifest = describeDirectory(staged);
    const output = join(outputDirectory, "api");
    // An unchanged bundle stays where it is: a deployment may be reading it.
    if (!existsSync(output) || describeDirectory(output).digest !== manifest.digest) {
      rmSync(output, { recursive: true, force: true });
      renameSync(staged, output);
    }
    writeFileSync(join(outputDirectory, "api.json"), `${JSON.stringify(manifest)}\n`);
    return manifest;
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
}

async function buildInto(source: string, root: string, output: string): Promise<void> {
  chmodSync(output, 0o755);
  await build({
    absWorkingDir: root,
    entryPoints: ["server", "migrate", "seed", "flag", "images/reencode"].map((name) =>
      join(source, `${name}.ts`),
    ),
    entryNames: "[name]",
    // Native: it comes to servers apart from the bundle, as a folder node_modules beside it.
    external: ["sharp"],
    outdir: output,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    // The programs share most of what they need; it is sent once.
    splitting: true,
    chunkNames: "shared-[hash]",
    // Names stay: a stack trace of production is read by people.
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: 200,
    legalComments: "none",
    // Modules are named by their path below the project, also where node_modules is a link to somewhere else.
    preserveSymlinks: true,
    charset: "utf8",
    // CommonJS dependencies ask for Node's own modules with require().
    banner: { js: 'import{createRequire}from"node:module";const require=createRequire(import.meta.url);' },
    alias: {
      // node-pg-migrate loads these for migrations in TypeScript and for glob patterns; ours are SQL in one folder.
      jiti: join(source, "bundle-absent.ts"),
      glob: join(source, "bundle-absent.ts"),
    },
    logLevel: "warning",
  });
  for (const folder of ["migrations", "assets"])
    cpSync(join(source, folder), join(output, folder), { recursive: true });
}

function describeDirectory(directory: string): BundleManifest {
  const digest = createHash("sha256");
  let bytes = 0;
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();
  for (const file of files) {
    const path = join(directory, file);
    const content = readFileSync(path);
    utimesSync(path, FIXED_TIME, FIXED_TIME);
    bytes += statSync(path).size;
    digest.update(`${hash("sha256", content)}  ${file}\n`);
  }
  return { digest: digest.digest("hex"), bytes };
}

/** The project's folder: the nearest one above this module whose package.json names it. */
function projectRoot(): string {
  for (let directory = import.meta.dirname; ; directory = dirname(directory)) {
    const manifest = join(directory, "package.json");
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, "utf8")).name === "dukaan")
      return directory;
    if (directory === dirname(directory)) throw new Error("This file is not inside the dukaan project");
  }
}

if (import.meta.main) {
  const root = projectRoot();
  const { digest, bytes } = await bundleApi(root, join(root, "dist/bundles"));
  console.log(`Bundled api ${digest.slice(0, 12)} (${(bytes / 1_000_000).toFixed(1)} MB)`);
}
