// Compiles TypeScript and bundles the applications; nothing else may write into dist/.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const run = (file, ...args) => execFileSync(file, args, { cwd: root, stdio: "inherit" });

run(process.execPath, "node_modules/typescript/bin/tsc");
const bundle = new URL("../dist/apps/bundle.js", import.meta.url);
if (existsSync(bundle)) run(process.execPath, fileURLToPath(bundle));
