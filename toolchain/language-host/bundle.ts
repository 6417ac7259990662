import { readFileSync } from "node:fs";
import { join } from "node:path";
import { contentKey, projectRoot, sources, toolsDirectory } from "../cache.js";

const folder = join(sources, "language-host");

/** The npm packages that end up in the bundle, and the one that makes it. */
const packages = ["@pulumi/pulumi", "@grpc/grpc-js", "google-protobuf", "esbuild"];

/** The folder of the cache for the language host, as one file: it starts faster, and outlives the checkout. */
export function languageHostDirectory(): string {
  const versions = packages.map((name) => {
    const file = join(projectRoot, "node_modules", name, "package.json");
    const manifest: { version: string } = JSON.parse(readFileSync(file, "utf8"));
    return `${name}@${manifest.version}`;
  });
  return join(toolsDirectory(), `language-nodejs-${contentKey([folder], ...versions)}`);
}

/** Bundles the language host into `host.cjs` in an existing folder; takes a fraction of a second. */
export async function bundleLanguageHost(directory: string): Promise<void> {
  const { build } = await import("esbuild");
  await build({
    entryPoints: [join(folder, "main.ts")],
    outfile: join(directory, "host.cjs"),
    bundle: true,
    platform: "node",
    target: "node24",
    format: "cjs",
    logLevel: "silent",
    legalComments: "none",
  });
}
