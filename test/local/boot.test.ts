import { afterAll, beforeAll, expect, test } from "vitest";
import { serverCertificate } from "../../local/storage/certificate.js";
import { secret, type Properties } from "../../providers/dukaan/values.js";
import { findArtifacts } from "../../src/artifacts.js";
import { api, nodeOptions, user } from "../../src/roles/api/index.js";
import { base } from "../../src/roles/base/index.js";
import { managedLooks, nginx } from "../../src/roles/nginx/index.js";
import { pgbouncer } from "../../src/roles/pgbouncer/index.js";
import { postgresql } from "../../src/roles/postgresql/index.js";
import { scramVerifier } from "../../src/roles/postgresql/scram.js";
import { databaseSizing } from "../../src/roles/postgresql/sizing.js";
import type { RoleDefinition } from "../../src/roles/role.js";
import { machineNamed } from "../../src/topology/topology.js";
import { topologyOf } from "../../stacks/index.js";
import { ensureImageLibrary, ensureNodeRuntime } from "../../toolchain/index.js";
import { settingsOnAws } from "../unit/on-aws.js";
import { TestEngine } from "../unit/provider-engine.js";
import { resolved } from "../unit/provisioned.js";
import { type BootLab, lifecycleAction, openBootLab, sessionToken } from "./boot-lab.js";
import { sh, shOk, until } from "./machine-lab.js";

// Machines that nobody connects to: what they become from a package in the object storage, and what they tell the group.

const type = "dukaan:index:BootPackage";
const password = "SENTINEL-5ad19c07";
const port = 8080;
let boot: BootLab;
let engine: TestEngine;

beforeAll(async () => {
  boot = await openBootLab("boot");
  engine = await TestEngine.start();
});
afterAll(async () => {
  engine?.close();
  await boot?.remove();
});

/** A whole droplet on AWS, with its database. */
async function droplet(): Promise<RoleDefinition[]> {
  const topology = topologyOf(settingsOnAws({ "dukaan:stage": "droplet" }));
  const machine = machineNamed(topology, "app-1");
  const logins = [{ name: "shop_1", verifier: scramVerifier(password, "AAAAAAAAAAAAAAAAAAAAAA==") }];
  const { authority, chain, privateKey } = await serverCertificate("Database of the test", "127.0.0.1");
  const network = {
    address: "127.0.0.1",
    clients: [],
    standbys: [],
    authority,
    certificate: chain,
    privateKey,
  };
  const ground = base({ topology, machine, authorizedKeys: ["ssh-ed25519 AAAA nobody@test"] });
  return [
    // A container has its host's clock, and nothing runs that could be told of another one.
    { ...ground, activate: (ground.activate ?? []).filter(([program]) => program !== "chronyc") },
    postgresql({ sizing: databaseSizing(machine, false), logins, network }),
    pgbouncer({ databaseHost: "/run/postgresql", databaseAuthority: authority, poolSize: 5, logins }),
    api(machine),
    nginx({
      cores: 1,
      balanced: { address: "0.0.0.0", port, balancers: ["10.10.0.0/16"], looks: managedLooks.aws },
      strictTransport: false,
    }),
  ];
}

/** A role as the program's class hands it over. */
async function handedOver({ files = [], ...role }: RoleDefinition): Promise<Properties> {
  const byPath = await Promise.all(
    files.map(async ({ path, content, ...about }) => {
      const text = await resolved(content);
      return [path, { ...about, content: about.secret ? secret(text) : text }] as const;
    }),
  );
  return { ...(JSON.parse(JSON.stringify(role)) as Properties), files: Object.fromEntries(byPath) };
}

async function shop(): Promise<Properties> {
  const [runtime, modules] = await Promise.all([ensureNodeRuntime(), ensureImageLibrary()]);
  const artifacts = findArtifacts(undefined, {
    DUKAAN_NODE_RUNTIME: JSON.stringify(runtime),
    DUKAAN_NATIVE_MODULES: JSON.stringify(modules),
  });
  const database = `postgresql://shop_1:${password}@/shop?host=`;
  return {
    service: "api",
    bundle: { ...artifacts.api },
    runtime: { ...artifacts.node },
    modules: { ...artifacts.modules },
    user,
    environment: {
      DATABASE_URL: secret(`${database}/run/pgbouncer&port=6432`),
      MIGRATION_DATABASE_URL: secret(`${database}/run/postgresql&port=5432`),
      PUBLIC_URL: "https://shop.example.com",
      SESSION_SECRET: secret("SENTINEL-".padEnd(64, "x")),
      SMS_GATEWAY: "log",
      NODE_OPTIONS: nodeOptions({ memoryMiB: 512 }),
    },
    readySeconds: 120,
  };
}

async function packed(roles: readonly RoleDefinition[]): Promise<{ key: string; digest: string }> {
  const handed = await Promise.all(roles.map(handedOver));
  const inputs = { ...boot.bucket, roles: handed, release: await shop() };
  return (await engine.up(type, "package", inputs)) as { key: string; digest: string };
}

/** As the first machine of a stack does it, before the group gets the release. */
async function migrate(id: string): Promise<void> {
  const releases = "/opt/dukaan/releases/api";
  await until(async () => (await sh(boot.lab, id, `test -e ${releases}/*/.bundle`)).exitCode === 0, 200);
  await shOk(
    boot.lab,
    id,
    `cd ${releases}/*/ && systemd-run --quiet --wait --pipe --property User=${user} --property EnvironmentFile=$PWD/env --property WorkingDirectory=$PWD ./node migrate.mjs`,
  );
}

/** Notes which processes show a secret in their arguments, for as long as the machine is on. */
const watch = `
import glob, os, time
while True:
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path) as file:
                words = file.read()
        except OSError:
            continue
        if "SENTINE" + "L" in words:
            with open("/root/seen", "a") as seen:
                seen.write(words + "\\n")
    time.sleep(0.02)
`;

test("a machine becomes what the package says, and tells the group when it serves", async () => {
  await boot.start("1", await packed(await droplet()));
  await until(async () => (await sh(boot.lab, "1", "systemctl is-active basic.target")).exitCode === 0);
  const encoded = Buffer.from(watch).toString("base64");
  await shOk(
    boot.lab,
    "1",
    `echo ${encoded} | base64 -d > /root/watch.py; systemd-run --quiet python3 /root/watch.py`,
  );
  await migrate("1");
  await until(async () => (await boot.calls("1")).length > 0, 200);
  const calls = await boot.calls("1");
  expect(calls).toHaveLength(1);
  expect(await lifecycleAction(calls[0]!, boot.storage)).toEqual({
    Action: "CompleteLifecycleAction",
    Version: "2011-01-01",
    AutoScalingGroupName: "dukaan-test-app-group",
    LifecycleHookName: "dukaan-test-ready",
    InstanceId: "i-0123456789abcdef0",
    LifecycleActionResult: "CONTINUE",
  });
  await until(async () => (await boot.said("1")).includes("dukaan: in service"));
  // It did not give up when AWS was not there yet.
  expect(await shOk(boot.lab, "1", "head -n 3 /var/lib/dukaan/boot/log")).toMatch(/Failed to connect/);
  const answer = (path: string) =>
    shOk(boot.lab, "1", `curl --silent --write-out ' %{http_code}' http://127.0.0.1:${port}${path}`);
  expect(await answer("/readyz")).toMatch(/200$/);
  expect(await answer("/rotation")).toMatch(/200$/);
  expect(await shOk(boot.lab, "1", "ls /var/lib/dukaan/roles | tr '\\n' ' '")).toBe(
    "api base nginx pgbouncer postgresql",
  );
});

test("nobody but root may log in there, do everything, or ask AWS about the machine", async () => {
  expect(await sh(boot.lab, "1", "getent passwd admin")).toMatchObject({ exitCode: 2 });
  await shOk(boot.lab, "1", "test ! -e /etc/sudoers.d/90-cloud-init-users");
  const ask =
    "curl --silent --show-error --max-time 5 --write-out '%{http_code}' http://169.254.169.254/ 2>&1";
  expect((await sh(boot.lab, "1", ask)).stdout).toBe("401");
  for (const other of ["nobody", "www-data", user]) {
    const { stdout } = await sh(boot.lab, "1", `runuser -u ${other} -- ${ask}`);
    expect(stdout).toMatch(/Failed to connect|Couldn't connect/);
    expect(stdout).toMatch(/000$/);
  }
});

test("no secret was an argument, is in the journal or on the console, or is left behind", async () => {
  const curls = await shOk(boot.lab, "1", "cat /root/curl-arguments");
  expect(curls).toContain(`${boot.bucket.endpoint}/dukaan-test-releases/boot/`);
  for (const text of [curls, await shOk(boot.lab, "1", "journalctl --output cat"), await boot.said("1")]) {
    expect(text).not.toContain(boot.storage.secretKey);
    expect(text).not.toContain(sessionToken);
    expect(text).not.toContain("SENTINEL");
  }
  await shOk(boot.lab, "1", "test ! -e /root/seen && systemctl list-units 'run-*' | grep -q watch.py");
  expect(await shOk(boot.lab, "1", "ls /var/lib/dukaan/incoming; ls /var/lib/dukaan/boot/*.gz || true")).toBe(
    "",
  );
});

test("a machine that was started again goes on with what it has", async () => {
  await boot.lab.host.powerOffMachine("1");
  await boot.lab.host.startMachine("1");
  const ready = `curl --silent --fail http://127.0.0.1:${port}/rotation`;
  await until(async () => (await sh(boot.lab, "1", ready)).exitCode === 0, 100);
  await shOk(boot.lab, "1", "test -s /run/cloud-init/result.json || sleep 5");
  expect(await boot.calls("1")).toHaveLength(1);
});

/** Waits until a machine has switched itself off; then looks at it, without letting it do what it was to do once. */
async function givenUp(id: string): Promise<{ actions: object[]; said: string }> {
  await until(() => boot.lab.exits.includes(`${id} poweroff`), 200);
  await boot.lab.host.startMachine(id);
  await until(async () => (await sh(boot.lab, id, "test -s /run/cloud-init/result.json")).exitCode === 0, 60);
  const calls = await boot.calls(id);
  return {
    actions: await Promise.all(calls.map((call) => lifecycleAction(call, boot.storage))),
    said: await boot.said(id),
  };
}
const abandoned = [expect.objectContaining({ LifecycleActionResult: "ABANDON" })];

test("a package that somebody has changed is not opened: the machine is given up", async () => {
  const { key, digest } = await packed([{ name: "harmless" }]);
  await boot.put(key, "not what it was");
  await boot.start("2", { key, digest });
  const { actions, said } = await givenUp("2");
  expect(actions).toEqual(abandoned);
  expect(said).toMatch(/it failed at: package boot\/\w+\.tar\.gz[^]*is not what its SHA-256 says/);
  await shOk(boot.lab, "2", "test ! -e /var/lib/dukaan/roles && test ! -e /opt/dukaan");
});

test("a role that cannot be applied says why on the console, but for what is secret", async () => {
  const path = "/etc/secret.env";
  const content = `PASSWORD=${password}\n`;
  const failing: RoleDefinition = {
    name: "failing",
    files: [{ path, content, owner: "root", group: "root", mode: "0600", secret: true }],
    activate: [["sh", "-c", `echo because of $(cat ${path}); exit 3`]],
  };
  await boot.start("3", await packed([failing]));
  const { actions, said } = await givenUp("3");
  expect(actions).toEqual(abandoned);
  expect(said).toMatch(/it failed at: role 01-failing[^]*because of \[secret\]/);
  expect(said + (await shOk(boot.lab, "3", "journalctl --output cat"))).not.toContain("SENTINEL");
  await shOk(boot.lab, "3", "test ! -e /opt/dukaan");
});

test("of packages that are deleted nothing stays in the bucket", async () => {
  const folders = (await boot.keys()).map((key) => key.replace(/\/.*/, ""));
  expect(folders).toEqual(["boot", "boot", "boot", "objects", "objects"]);
  await engine.delete(type, engine.state("package"));
  expect(await boot.keys()).toEqual([]);
});
