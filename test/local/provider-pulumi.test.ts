import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { projectRoot } from "../../src/project.js";
import { ensureToolchain } from "../../toolchain/index.js";
import { startTestMachine, type TestMachine } from "./provider-machine.js";

/** The real engine and the real provider process, as `pulumi` starts it, with a program over the compiled SDK. */
let machine: TestMachine;
let folder: string;
let environment: Record<string, string>;

const source = `
import { CertificateAuthority, Role, Stage } from ${JSON.stringify(join(projectRoot, "dist/providers/dukaan/sdk.js"))};
const wish = JSON.parse(process.env.WISH);
const guard = new Stage("guard", { stage: wish.stage, provider: "hetzner", location: "fsn1", image: "debian-12" });
const authority = new CertificateAuthority("authority", { commonName: "test", validityDays: 3650 }, { dependsOn: guard });
const root = { owner: "root", group: "root" };
const role = new Role("motd", {
  connection: wish.connection,
  serverId: "1",
  name: "motd",
  files: [
    { path: "/etc/motd", content: wish.motd, mode: "0644", ...root },
    { path: "/etc/dukaan/token", content: wish.token, mode: "0600", secret: true, ...root },
    { path: "/etc/dukaan/authority.key", content: authority.privateKey, mode: "0600", ...root },
  ],
}, { dependsOn: guard });
export const digest = role.digest;
export const key = authority.privateKey;
`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dukaan-pulumi-"));
  await writeFile(join(folder, "index.mjs"), source);
  await writeFile(join(folder, "package.json"), '{ "name": "test", "version": "0.0.0", "type": "module" }');
  await writeFile(
    join(folder, "Pulumi.yaml"),
    `name: test
main: index.mjs
runtime: { name: nodejs, options: { typescript: false } }
plugins:
  providers: [{ name: dukaan, path: ${join(projectRoot, "providers/dukaan")} }]
`,
  );
  await symlink(join(projectRoot, "node_modules"), join(folder, "node_modules"));
  machine = await startTestMachine("pulumi");
  const toolchain = await ensureToolchain();
  environment = {
    ...toolchain.env,
    DUKAAN_NODE: process.execPath,
    PULUMI_BACKEND_URL: `file://${folder}`,
    PULUMI_CONFIG_PASSPHRASE: "test",
  };
  await pulumi("stack", "init", "test");
});

afterAll(async () => {
  await machine?.remove();
  await rm(folder, { recursive: true, force: true });
});

const wish = { stage: "droplet", motd: "welcome\n", token: "SENTINEL-1f0a9b\n" };

async function pulumi(...command: string[]): Promise<string> {
  return pulumiWith({}, ...command);
}

/** Runs Pulumi; what it printed. @throws Error with what it printed, when it fails */
async function pulumiWith(change: Partial<typeof wish>, ...command: string[]): Promise<string> {
  const WISH = JSON.stringify({ ...wish, connection: machine.connection, ...change });
  const { all, exitCode } = await execa("pulumi", [...command, "--non-interactive", "--color=never"], {
    cwd: folder,
    env: { ...environment, WISH },
    all: true,
    reject: false,
  });
  if (exitCode !== 0) throw new Error(all);
  return all;
}

const up = (...more: string[]) => pulumi("up", "--stack=test", "--yes", "--skip-preview", ...more);

test("an up applies the role; the state holds no secret in clear; a second one finds nothing to do", async () => {
  expect(await up()).toMatch(/\+ 4 created/);
  expect(await machine.sh("cat /etc/motd /etc/dukaan/token")).toBe("welcome\nSENTINEL-1f0a9b");
  expect(await machine.sh("head -n 1 /etc/dukaan/authority.key")).toBe("-----BEGIN PRIVATE KEY-----");
  const state = await readFile(join(folder, ".pulumi/stacks/test/test.json"), "utf8");
  expect(state).toContain("dukaan:index:Role");
  expect(state).not.toMatch(/SENTINEL|PRIVATE KEY/);
  expect(await pulumi("preview", "--stack=test", "--expect-no-changes")).toMatch(/4 unchanged/);
});

test("a refused stage fails the preview with the command to run", async () => {
  await expect(pulumiWith({ stage: "split" }, "preview", "--stack=test")).rejects.toThrow(
    /\.\/dukaan evolve split/,
  );
});

test("a preview shows which file changes, and of a secret file nothing but its name", async () => {
  const change = { motd: "hello\n", token: "SENTINEL-2e8c4d\n" };
  const preview = await pulumiWith(change, "preview", "--stack=test", "--diff");
  expect(preview).toMatch(/~ \/etc\/motd/);
  expect(preview).toMatch(/- welcome/);
  expect(preview).toMatch(/\/etc\/dukaan\/token[^]*content: \[secret\]/);
  expect(preview).not.toContain("SENTINEL");
});

test("what was changed by hand shows in a preview with refresh, and an up with refresh puts it back", async () => {
  await machine.sh("echo intruder >> /etc/motd; echo LOOSE-TONGUE > /etc/dukaan/token");
  const preview = await pulumi("preview", "--stack=test", "--refresh", "--diff");
  expect(preview).toMatch(/~ \/etc\/motd/);
  expect(preview).toMatch(/- intruder/);
  expect(preview).toMatch(/\/etc\/dukaan\/token/);
  expect(preview).not.toMatch(/LOOSE-TONGUE|SENTINEL/);
  expect(await up("--refresh")).toMatch(/~ 1 updated/);
  expect(await machine.sh("cat /etc/motd /etc/dukaan/token")).toBe("welcome\nSENTINEL-1f0a9b");
  expect(await pulumi("preview", "--stack=test", "--refresh", "--expect-no-changes")).toMatch(/unchanged/);
});

test("an import is refused with a reason", async () => {
  await expect(
    pulumi("import", "--stack=test", "--yes", "dukaan:index:Role", "other", "1/other"),
  ).rejects.toThrow(/cannot be imported: only the program knows its inputs/);
});

test("a destroy forgets the role", async () => {
  expect(await pulumi("destroy", "--stack=test", "--yes", "--skip-preview")).toMatch(/- 4 deleted/);
  expect(await machine.sh("ls /var/lib/dukaan/roles")).toBe("");
});
