// Puts the local cloud together as a package of its own: node scripts/pack-local.mjs FOLDER. Build first (npm run build).
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const [target] = process.argv.slice(2);
if (target === undefined || existsSync(target)) {
  process.stderr.write("Usage: node scripts/pack-local.mjs FOLDER (which must not exist yet)\n");
  process.exit(2);
}
if (!existsSync(join(root, "dist/local/cli.js"))) {
  process.stderr.write("dist/ is missing: run npm run build first\n");
  process.exit(1);
}
mkdirSync(target, { recursive: true });
const notCompiled = (path) => !/\.ts$|node_modules/.test(path);
for (const part of ["local", "toolchain"]) {
  cpSync(join(root, "dist", part), join(target, "dist", part), { recursive: true });
  // What is no TypeScript is read from where it is in the source: scripts, image sources, Go modules, the page.
  cpSync(join(root, part), join(target, part), { recursive: true, filter: notCompiled });
}
cpSync(join(root, "local/README.md"), join(target, "README.md"));
// The package's own dependencies, with the versions of the project.
const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const own = JSON.parse(readFileSync(join(root, "local/package.json"), "utf8"));
const names = [
  "@fastify/type-provider-typebox",
  "@peculiar/x509",
  "commander",
  "execa",
  "fastify",
  "fflate",
  "ipaddr.js",
  "pino",
  "reflect-metadata",
  "tar",
  "typebox",
];
own.dependencies = Object.fromEntries(names.map((name) => [name, dependencies[name]]));
writeFileSync(join(target, "package.json"), `${JSON.stringify(own, undefined, 2)}\n`);
