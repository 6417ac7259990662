import { join } from "node:path";
import { execa } from "execa";
import { expect, it } from "vitest";
import { projectRoot } from "../../src/project.js";

/** Loads a compiled command as `./dukaan` does, and prints the addresses of all modules that this takes. */
const program = `
  import { registerHooks } from "node:module";
  const urls = new Set();
  registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context);
      urls.add(found.url);
      return found;
    },
  });
  await import(process.argv[1]);
  process.stdout.write([...urls].join("\\n"));
`;

async function packagesOf(command: string): Promise<Set<string>> {
  const file = join(projectRoot, "dist/src/cli/commands", `${command}.js`);
  const { stdout } = await execa(process.execPath, ["--input-type=module", "--eval", program, file]);
  return new Set([...stdout.matchAll(/\/node_modules\/((?:@[^/\n]+\/)?[^/\n]+)/g)].map(([, name]) => name!));
}

// Its SDK takes longer to load than all the rest, and belongs to the program that Pulumi runs.
it.each(["up", "down", "evolve", "ssh", "outputs"])("%s starts without Pulumi's SDK", async (command) => {
  const packages = await packagesOf(command);
  expect(packages).toContain("execa");
  expect(packages).not.toContain("@pulumi/pulumi");
  expect(packages).not.toContain("@peculiar/x509");
});

it.each(["ssh", "outputs", "diagnose", "seed", "login-code"])(
  "%s, which checks no settings, starts without what checks them",
  async (command) => {
    expect(await packagesOf(command)).not.toContain("typebox");
  },
);

it("plan, which checks them, starts with it", async () => {
  expect(await packagesOf("plan")).toContain("typebox");
});
