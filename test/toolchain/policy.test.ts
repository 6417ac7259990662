import { mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CliError, ExitCode } from "../../src/cli/errors.js";
import { policyPackVariable, type Pulumi, runOperation } from "../../src/cli/pulumi.js";
import { projectRoot } from "../../src/project.js";
import { writeFiles } from "./files.js";

// The real engine, the whole program as it is compiled, and the policy pack as Pulumi starts it. A preview of a stack that
// is not there yet asks no cloud.

const folder = realpathSync(mkdtempSync(join(tmpdir(), "dukaan-policy-")));
const inTree = join(projectRoot, "policy");
let pulumi: Pulumi;

const sabotage = `
import * as pulumi from "@pulumi/pulumi";
pulumi.runtime.registerStackTransformation(({ type, name, props, opts }) => {
  if (process.env.SABOTAGE !== "yes") return undefined;
  if (type === "hcloud:index/firewall:Firewall" && name === "fsn1-database") {
    const open = { direction: "in", protocol: "tcp", port: "5432", sourceIps: ["0.0.0.0/0"] };
    return { props: { ...props, rules: [...props.rules, open] }, opts };
  }
  if (type === "hcloud:index/server:Server" && name === "app-1") {
    return { props: { ...props, firewallIds: [] }, opts: { ...opts, protect: false } };
  }
  return undefined;
});
await import(${JSON.stringify(join(projectRoot, "dist/src/index.js"))});
`;

const settings = {
  "dukaan:stage": "split",
  "dukaan:operatorCidrs": ["198.51.100.7/32"],
  "dukaan:backup": "none",
  "dukaan:images": "none",
  "dukaan:sms": "log",
};

beforeAll(async () => {
  // What `up` runs Pulumi with on a real cloud, the policy pack among it.
  const own = { DUKAAN_STATE: join(folder, "own"), HCLOUD_TOKEN: "t".repeat(64), HCLOUD_ENDPOINT: "" };
  const { stdout } = await execa(join(projectRoot, "dukaan"), ["env", "--stack", "prod", "--json"], {
    env: own,
  });
  const printed: Record<string, string> = JSON.parse(stdout);
  writeFiles(folder, {
    "Pulumi.yaml": `name: dukaan
main: index.mjs
runtime: { name: nodejs, options: { typescript: false } }
plugins:
  providers: [{ name: dukaan, path: ${join(projectRoot, "providers/dukaan")} }]
  analyzers: [{ name: policy-dukaan, path: ${inTree} }]
`,
    "index.mjs": sabotage,
    "package.json": '{ "name": "test", "version": "0.0.0", "type": "module" }',
    "state/README": "the backend wants an existing folder",
    "Pulumi.prod.yaml": JSON.stringify({ config: settings }),
    "Pulumi.test.yaml": JSON.stringify({
      config: { ...settings, "hcloud:endpoint": "http://127.0.0.1:9/v1", "dukaan:local": true },
    }),
  });
  symlinkSync(join(projectRoot, "node_modules"), join(folder, "node_modules"));
  const env = {
    ...printed,
    ...own,
    PULUMI_BACKEND_URL: `file://${join(folder, "state")}`,
    PULUMI_CONFIG_PASSPHRASE: "test",
    PULUMI_OPTION_CWD: folder,
    PULUMI_OPTION_STACK: "prod",
  };
  pulumi = { executable: "pulumi", env, stack: stackContext() };
  for (const stack of ["prod", "test"]) {
    const made = await run(["stack", "select", "--create"], { PULUMI_OPTION_STACK: stack });
    if (made.exitCode !== 0) throw new Error(made.all);
  }
});

afterAll(() => rmSync(folder, { recursive: true }));

function stackContext(): Pulumi["stack"] {
  const configFile = join(folder, "Pulumi.prod.yaml");
  return { name: "prod", local: false, instance: "none", directory: join(folder, "own"), configFile };
}

function run(args: string[], more: Record<string, string> = {}) {
  return execa(pulumi.executable, [...args, "--non-interactive", "--color=never"], {
    preferLocal: false,
    env: { ...pulumi.env, ...more },
    reject: false,
    all: true,
    stdin: "ignore",
  });
}

/** A pack with exceptions of its own. */
function packWith(name: string, exceptions: string): string {
  const pack = join(folder, name);
  writeFiles(pack, {
    "exceptions.yaml": exceptions,
    "package.json": readFileSync(join(inTree, "package.json"), "utf8"),
    "PulumiPolicy.yaml": readFileSync(join(inTree, "PulumiPolicy.yaml"), "utf8"),
  });
  return pack;
}

test("a stage keeps to the rules, on a real cloud and on the local one", async () => {
  expect(pulumi.env[policyPackVariable]).toBe(`"${inTree}"`);
  const real = await run(["preview"]);
  expect(real.all).toContain("✅ dukaan@v");
  expect(real.exitCode).toBe(0);
  const local = await run(["preview"], { PULUMI_OPTION_STACK: "test" });
  expect(local.all).toContain("✅ dukaan@v");
  expect(local.exitCode).toBe(0);
});

test("what breaks them is refused before anything is made: what, where, and what to do", async () => {
  const broken = { ...pulumi, env: { ...pulumi.env, SABOTAGE: "yes" } };
  const failure: unknown = await runOperation(broken, "up", () => undefined).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(CliError);
  const { message, remedy, exitCode } = failure as CliError;
  expect(exitCode).toBe(ExitCode.refused);
  expect(message).toContain("hetzner-public-ports: A firewall opens nothing to the public but");
  expect(message).toContain('Firewall "fsn1-database": tcp 5432 is open to 0.0.0.0/0');
  expect(message).toContain("→ Take the flow from `world` out of the stage");
  expect(message).toContain('Server "app-1": it has no firewall');
  expect(message).toContain('Server "app-1": it lacks protect');
  expect(remedy).toContain("Nothing was changed.");
  const { deployment } = JSON.parse((await run(["stack", "export"])).stdout);
  expect(deployment.resources ?? []).toEqual([]);
});

test("an exception lets one resource pass, and its reason is told", async () => {
  const entry = (rule: string, resource: string) =>
    `- { rule: ${rule}, stack: prod, resource: "${resource}", reason: A trial for the auditors }\n`;
  const pack = packWith(
    "lenient",
    entry("hetzner-server-firewall", "hcloud:index/server:Server::app-1") +
      entry("hetzner-public-ports", "hcloud:index/firewall:Firewall::fsn1-app"),
  );
  const { all, exitCode } = await run(["preview"], { SABOTAGE: "yes", [policyPackVariable]: pack });
  expect(all).toMatch(/\[advisory\] +exceptions/);
  expect(all).toContain('Server "app-1": it has no firewall');
  expect(all).toContain("hetzner-server-firewall, excepted: A trial for the auditors");
  expect(all).not.toMatch(/\[mandatory\] +hetzner-server-firewall/);
  // The other one is for another firewall.
  expect(all).toMatch(/\[mandatory\] +hetzner-public-ports/);
  expect(exitCode).not.toBe(0);
});

test("a wrong list of exceptions stops everything", async () => {
  const pack = packWith("wrong", "- { rule: no-such-rule, stack: prod, resource: app-1, reason: because }\n");
  const { all, exitCode } = await run(["preview"], { [policyPackVariable]: pack });
  expect(exitCode).not.toBe(0);
  expect(all).toContain(`${pack}/exceptions.yaml is wrong; nothing was checked and nothing changed.`);
  expect(all).toContain('entry 1: there is no rule "no-such-rule"; allowed are hetzner-public-ports,');
});
