// Compiles TypeScript and bundles the applications; nothing else may write into dist/.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

for (const args of [
  ["node_modules/typescript/bin/tsc", "--project", "tsconfig.build.json"],
  ["dist/apps/bundle.js"],
]) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1); // the program has said why
}
