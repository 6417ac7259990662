import {
  existsSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Options, execa } from "execa";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { projectRoot } from "../../toolchain/cache.js";
import { ensureToolchain } from "../../toolchain/index.js";
import { writeFiles } from "./files.js";

// Real programs, run by the real engine through the language host.
const folder = realpathSync(mkdtempSync(join(tmpdir(), "dukaan-test-")));
const project = join(folder, "project");
let pulumi: string;
let env: Record<string, string>;

beforeAll(async () => {
  const toolchain = await ensureToolchain();
  pulumi = toolchain.pulumi;
  env = {
    ...toolchain.env,
    PULUMI_BACKEND_URL: `file://${join(folder, "state")}`,
    PULUMI_CONFIG_PASSPHRASE: "test",
  };
  writeFiles(folder, { "state/README": "the backend wants an existing folder" });
  writeFiles(project, {
    "Pulumi.yaml": "name: host\nruntime: { name: nodejs, options: { typescript: false } }\n",
    "package.json": JSON.stringify({ name: "host", main: "index.js" }),
  });
  symlinkSync(join(projectRoot, "node_modules"), join(project, "node_modules"));
  await run(["stack", "init", "test"]);
});

afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(() => rmSync(join(project, "index.js"), { force: true }));

function start(args: string[], options: Options = {}) {
  return execa(pulumi, [...args, "--non-interactive", "--color", "never"], {
    cwd: project,
    env,
    reject: false,
    ...options,
  });
}

async function run(args: string[]): Promise<{ exitCode: number | undefined; output: string }> {
  const { exitCode, stdout, stderr } = await start(args);
  return { exitCode, output: `${String(stdout)}\n${String(stderr)}` };
}

/** Makes the program and previews it. */
function preview(program: string) {
  writeFiles(project, { "index.js": program });
  return run(["preview", "--stack", "test"]);
}

test("a program gets its configuration, secrets and flags, and its outputs reach the engine", async () => {
  await run(["config", "set", "city", "Pune", "--stack", "test"]);
  await run(["config", "set", "--secret", "phrase", "open sesame", "--stack", "test"]);
  writeFiles(project, {
    "index.js": `
      const pulumi = require("@pulumi/pulumi");
      const random = require("@pulumi/random");
      const config = new pulumi.Config();
      console.log("said by the program");
      exports.city = config.require("city");
      exports.phrase = config.requireSecret("phrase");
      exports.stack = [pulumi.getOrganization(), pulumi.getProject(), pulumi.getStack(), pulumi.runtime.isDryRun()].join();
      exports.root = pulumi.runtime.getRootDirectory?.() ?? process.cwd();
      exports.pet = new random.RandomPet("pet", { length: 1 }).id;
    `,
  });
  const up = await run(["up", "--yes", "--skip-preview", "--stack", "test"]);
  expect(up.exitCode).toBe(0);
  expect(up.output).toContain("said by the program");
  expect(up.output).not.toMatch(/warning/i);

  const clear = JSON.parse(
    (await start(["stack", "output", "--json", "--show-secrets", "--stack", "test"])).stdout as string,
  );
  expect(clear).toMatchObject({
    city: "Pune",
    phrase: "open sesame",
    stack: "organization,host,test,false",
    root: project,
  });
  expect(clear.pet).toMatch(/^[a-z]+$/);
  const hidden = JSON.parse((await start(["stack", "output", "--json", "--stack", "test"])).stdout as string);
  expect(hidden.phrase).toBe("[secret]");
  expect(readFileSync(join(folder, "state/.pulumi/stacks/host/test.json"), "utf8")).not.toContain(
    "open sesame",
  );
});

test("an error that the program has reported is shown once", async () => {
  const { exitCode, output } = await preview(`throw new Error("the shelf is empty");`);
  expect(exitCode).not.toBe(0);
  expect(output.match(/Error: the shelf is empty/g)).toHaveLength(1);
  expect(output).not.toContain("non-zero exit code");
});

test("a program that ends by itself with an error code, or by a signal, is a failure that says so", async () => {
  const code = await preview("process.exit(7);");
  expect(code.exitCode).not.toBe(0);
  expect(code.output).toContain("Program exited with non-zero exit code: 7");
  const signal = await preview(`process.kill(process.pid, "SIGKILL"); setTimeout(() => {}, 60_000);`);
  expect(signal.exitCode).not.toBe(0);
  expect(signal.output).toContain("Program was ended by the signal SIGKILL");
});

test("a program whose SDK is not installed is told what to do", async () => {
  rmSync(join(project, "node_modules"));
  try {
    const { output } = await preview("");
    expect(output).toContain(`@pulumi/pulumi is not installed in ${project} or above it: run npm ci there`);
  } finally {
    symlinkSync(join(projectRoot, "node_modules"), join(project, "node_modules"));
  }
});

test("wrong runtime options are refused by name", async () => {
  const file = join(project, "Pulumi.yaml");
  const before = readFileSync(file, "utf8");
  try {
    writeFiles(project, { "Pulumi.yaml": before.replace("false", "maybe") });
    expect((await preview("")).output).toContain("runtime.options.typescript must be true or false");
  } finally {
    writeFiles(project, { "Pulumi.yaml": before });
  }
});

const waiting = `
  require("node:fs").writeFileSync("pid", String(process.pid));
  setInterval(() => {}, 1000);
  module.exports = new Promise(() => {});
`;

/** Starts a program that never ends; resolves with its process id. */
async function startWaiting() {
  rmSync(join(project, "pid"), { force: true });
  writeFiles(project, { "index.js": waiting });
  const engine = start(["preview", "--stack", "test"]);
  while (!existsSync(join(project, "pid"))) await sleep(50);
  await sleep(50);
  return { engine, program: Number(readFileSync(join(project, "pid"), "utf8")) };
}

/** Waits until a process is gone. */
async function gone(pid: number): Promise<boolean> {
  for (let i = 0; i < 600; i++) {
    try {
      const state = /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
      if (state === "Z") return true;
    } catch {
      return true;
    }
    await sleep(100);
  }
  return false;
}

test("the program ends with the engine, whether the engine is interrupted or killed", async () => {
  for (const signal of ["SIGINT", "SIGKILL"] as const) {
    const { engine, program } = await startWaiting();
    engine.kill(signal);
    await engine;
    expect(await gone(program)).toBe(true);
  }
});

/**
 * Gives a plugin its own Pulumi SDK. The SDK's launcher of plugins wants a TypeScript older than 7 beside itself, or none.
 */
function installSdk(plugin: string): void {
  const [modules, own] = [join(projectRoot, "node_modules"), join(plugin, "node_modules")];
  cpSync(join(modules, "@pulumi/pulumi"), join(own, "@pulumi/pulumi"), { recursive: true });
  for (const name of readdirSync(modules)) {
    if (name !== "typescript" && name !== "@pulumi") symlinkSync(join(modules, name), join(own, name));
  }
}

test("a provider written for Node.js runs as a plugin, and gets what the engine asks of it", async () => {
  writeFiles(project, {
    "../provider/PulumiPlugin.yaml": "runtime: { name: nodejs, options: { nodeargs: --title=till } }\n",
    "../provider/package.json": JSON.stringify({ name: "till", version: "1.0.0", main: "index.js" }),
    "../provider/index.js": `
      const { main } = require("@pulumi/pulumi/provider");
      main({
        version: "1.0.0",
        schema: JSON.stringify({ name: "till", version: "1.0.0", resources: { "till:index:Coin": {} } }),
        create: async (urn, inputs) => ({ id: "coin-1", outs: { ...inputs, worth: inputs.paise / 100, title: process.title } }),
        delete: async () => {},
      }, process.argv.slice(2));
    `,
  });
  installSdk(join(folder, "provider"));
  const file = join(project, "Pulumi.yaml");
  const before = readFileSync(file, "utf8");
  try {
    writeFiles(project, {
      "Pulumi.yaml": `${before}plugins: { providers: [{ name: till, path: ../provider }] }\n`,
      "index.js": `
        const pulumi = require("@pulumi/pulumi");
        class Coin extends pulumi.CustomResource {
          constructor(name, props) { super("till:index:Coin", name, { ...props, worth: undefined, title: undefined }); }
        }
        const coin = new Coin("coin", { paise: 250 });
        exports.worth = coin.worth;
        exports.title = coin.title;
      `,
    });
    const { output } = await run(["up", "--yes", "--skip-preview", "--stack", "test"]);
    expect(output).toMatch(/title\s*: "till"\n.*worth\s*: 2\.5/);
  } finally {
    writeFiles(project, { "Pulumi.yaml": before });
  }
});

test("a policy pack written for Node.js runs, and what it finds stops the update", async () => {
  const pack = join(folder, "policy");
  writeFiles(pack, {
    "PulumiPolicy.yaml": "runtime: nodejs\n",
    "package.json": JSON.stringify({ name: "pack", version: "1.0.0", main: "index.js" }),
    // What @pulumi/policy does, in short: a server whose port is the first line of output.
    "index.js": `
      const grpc = require("@grpc/grpc-js");
      const { AnalyzerService } = require("@pulumi/pulumi/proto/analyzer_grpc_pb");
      const { AnalyzerInfo, AnalyzeResponse, AnalyzeDiagnostic, PolicyInfo } = require("@pulumi/pulumi/proto/analyzer_pb");
      const { PluginInfo } = require("@pulumi/pulumi/proto/plugin_pb");
      const policy = new PolicyInfo().setName("short-names").setEnforcementlevel(1);
      const server = new grpc.Server();
      server.addService(AnalyzerService, {
        getPluginInfo: (call, answer) => answer(null, new PluginInfo().setVersion("1.0.0")),
        getAnalyzerInfo: (call, answer) =>
          answer(null, new AnalyzerInfo().setName("pack").setVersion("1.0.0").setPoliciesList([policy])),
        analyze: (call, answer) => {
          const found = new AnalyzeDiagnostic().setPolicyname("short-names").setPolicypackname("pack")
            .setPolicypackversion("1.0.0").setMessage("too long a name: " + call.request.getName() + " in " + process.cwd())
            .setEnforcementlevel(1).setUrn(call.request.getUrn());
          answer(null, new AnalyzeResponse().setDiagnosticsList(call.request.getName().length > 5 ? [found] : []));
        },
        analyzeStack: (call, answer) => answer(null, new AnalyzeResponse()),
      });
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => console.log(port));
    `,
  });
  installSdk(pack);
  writeFiles(project, {
    "index.js": `
      const { RandomPet } = require("@pulumi/random");
      new RandomPet("short");
      new RandomPet("much-too-long");
    `,
  });
  const { exitCode, output } = await run(["preview", "--stack", "test", "--policy-pack", pack]);
  expect(exitCode).not.toBe(0);
  expect(output).toContain(`too long a name: much-too-long in ${pack}`);
  expect(output).not.toContain("too long a name: short");
});

test("`pulumi about` shows the Node.js in use and the program's packages", async () => {
  writeFiles(project, {
    "package.json": JSON.stringify({
      name: "host",
      main: "index.js",
      dependencies: { "@pulumi/random": "*" },
    }),
  });
  const about = JSON.parse((await start(["about", "--json", "--stack", "test"])).stdout as string);
  expect(about.runtime).toMatchObject({ executable: process.execPath, version: process.version });
  expect(about.dependencies).toEqual([{ name: "@pulumi/random", version: "4.21.2" }]);
  expect(about.plugins).toEqual(
    expect.arrayContaining([expect.objectContaining({ name: "hcloud", version: "1.41.0" })]),
  );
});
