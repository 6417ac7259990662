// No-change `pulumi preview` of a running stack against an empty program that loads the same plugins.
// Needs a stack that is up: ./dukaan up && node dist/test/bench/preview.js
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { openSession } from "../../src/cli/session.js";
import { projectRoot } from "../../src/project.js";
import { compare, time } from "./compare.js";

const emptyProgram = `import { Provider as Hcloud } from "@pulumi/hcloud/provider.js";
import { Provider as Random } from "@pulumi/random/provider.js";
import * as pulumi from "@pulumi/pulumi";
new Hcloud("hcloud");
new Random("random");
new pulumi.ProviderResource("dukaan", "dukaan", {});
`;

const { pulumi } = await openSession({ stack: process.env["DUKAAN_STACK"] ?? "lab" });
const folder = await mkdtemp(join(tmpdir(), "dukaan-empty-"));
try {
  await writeFile(
    join(folder, "Pulumi.yaml"),
    `name: empty
main: index.js
runtime: { name: nodejs, options: { typescript: false } }
plugins: { providers: [{ name: dukaan, path: ${join(projectRoot, "providers/dukaan")} }] }
`,
  );
  await writeFile(join(folder, "package.json"), '{ "name": "empty", "type": "module" }');
  await writeFile(join(folder, "index.js"), emptyProgram);
  await symlink(join(projectRoot, "node_modules"), join(folder, "node_modules"));
  const emptyEnv: Record<string, string> = {
    ...pulumi.env,
    PULUMI_BACKEND_URL: `file://${folder}`,
    PULUMI_OPTION_STACK: "empty",
    PULUMI_OPTION_CONFIG_FILE: join(folder, "Pulumi.empty.yaml"),
  };
  const run = (args: string[], cwd: string, env: Record<string, string>) =>
    execa(pulumi.executable, [...args, "--non-interactive"], { cwd, env });
  await run(["stack", "select", "--create"], folder, emptyEnv);
  await run(["up", "--yes", "--skip-preview"], folder, emptyEnv);

  const preview = (cwd: string, env: Record<string, string>) =>
    time(() => run(["preview", "--expect-no-changes"], cwd, env));
  await compare(
    { name: "preview of the stack, no change", run: () => preview(projectRoot, pulumi.env) },
    { name: "preview of an empty program, same plugins", run: () => preview(folder, emptyEnv) },
    Number(process.env["ROUNDS"] ?? 5),
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}
