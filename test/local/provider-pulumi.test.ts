import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askMachine, keepConnections, sshAccess, type SshAccess } from "../../src/cli/commands/ssh.js";
import type { Session } from "../../src/cli/session.js";
import { projectRoot } from "../../src/project.js";
import { ensureToolchain } from "../../toolchain/index.js";
import { startEndpoint, type TestEndpoint } from "../unit/instance-connect.js";
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
async function pulumiWith(
  change: Partial<typeof wish> & { connection?: object },
  ...command: string[]
): Promise<string> {
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

describe("a machine that is reached through an EC2 Instance Connect Endpoint alone", () => {
  const address = "10.10.2.10";
  let door: TestEndpoint;
  let access: SshAccess;

  beforeAll(async () => {
    door = await startEndpoint();
    Object.assign(process.env, door.env);
    const { host, hostKey, privateKey } = machine.connection;
    door.leads.set(`${address}:22`, { host, port: 22 });
    access = await sshAccess({ stack: { directory: folder } } as unknown as Session, {
      ssh: { "web-1": `root@${address}` },
      services: {},
      tunnels: { "web-1": door.endpoint },
      deployKey: privateKey,
      knownHosts: `${address} ${hostKey}\n`,
    });
  });
  afterAll(() => {
    for (const name of Object.keys(door.env)) Reflect.deleteProperty(process.env, name);
    door.close();
  });

  const target = `root@${address}`;

  test("gets its role by the provider, as another machine does", async () => {
    const connection = { ...machine.connection, host: address, tunnel: door.endpoint };
    const change = { connection, motd: "through the door\n" };
    await pulumiWith(change, "up", "--stack=test", "--yes", "--skip-preview");
    expect(await machine.sh("cat /etc/motd")).toBe("through the door");
    expect(door.asked.length).toBeGreaterThan(0);
    const state = await readFile(join(folder, ".pulumi/stacks/test/test.json"), "utf8");
    expect(state).toContain(door.endpoint.endpointId);
    expect(state).not.toMatch(/wJalrXUtnFEMI|IQoJb3JpZ2lu|X-Amz-/);
    await pulumi("up", "--stack=test", "--yes", "--skip-preview");
    // Another way to the same machine is no change.
    await pulumiWith({ connection }, "preview", "--stack=test", "--expect-no-changes");
  });

  test("takes OpenSSH's commands with their input, output and exit code, and much of both", async () => {
    expect(await askMachine(access, target, ["sh", "-c", "cat /etc/hostname; exit 7"])).toMatchObject({
      exitCode: 7,
      stdout: "web-1",
    });
    const sums =
      "head -c 50000000 /dev/zero | ssh \"$@\" 'tee /root/zeros | sha256sum; cat /root/zeros' | sha256sum";
    const { stdout } = await execa("bash", ["-o", "pipefail", "-c", sums, "sh", ...access.options, target]);
    // Its own sum of what it got, and what it got, as we have got it back.
    const again = "{ head -c 50000000 /dev/zero | sha256sum; head -c 50000000 /dev/zero; } | sha256sum";
    expect(stdout).toBe((await execa("bash", ["-c", again])).stdout);
    await expect.poll(() => door.open.size).toBe(0);
  }, 120_000);

  test("keeps a connection open for several commands, in one tunnel", async () => {
    const before = door.asked.length;
    const kept = await keepConnections(access);
    for (const word of ["one", "two", "three"])
      expect(await askMachine(kept, target, ["echo", word])).toMatchObject({ exitCode: 0, stdout: word });
    await kept.close();
    expect(door.asked.length).toBe(before + 1);
    await expect.poll(() => door.open.size).toBe(0);
  });

  test("is lost when the tunnel is cut, and answers the next command", async () => {
    const running = askMachine(access, target, ["sh", "-c", "echo started >/root/started; sleep 60"]);
    await expect.poll(() => machine.sh("cat /root/started 2>/dev/null || true")).toBe("started");
    for (const socket of door.open) socket.terminate();
    expect(await running).toMatchObject({ exitCode: 255, stderr: expect.stringContaining("was cut") });
    expect(await askMachine(access, target, ["true"])).toMatchObject({ exitCode: 0 });
  });

  test("says why when there is no permission", async () => {
    door.refuse = { status: 403, body: "not authorized" };
    const { exitCode, stderr } = await askMachine(access, target, ["true"]);
    expect(exitCode).toBe(255);
    expect(stderr).toMatch(/HTTP 403, not authorized\n.*ec2-instance-connect:OpenTunnel/);
    const connection = { ...machine.connection, host: address, tunnel: door.endpoint };
    await expect(
      pulumiWith({ connection, motd: "no\n" }, "up", "--stack=test", "--yes", "--skip-preview"),
    ).rejects.toThrow(/HTTP 403, not authorized/);
    door.refuse = undefined;
  });
});

test("a destroy forgets the role", async () => {
  expect(await pulumi("destroy", "--stack=test", "--yes", "--skip-preview")).toMatch(/- 4 deleted/);
  expect(await machine.sh("ls /var/lib/dukaan/roles")).toBe("");
});
