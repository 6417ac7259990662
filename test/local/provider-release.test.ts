import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { secret, type Properties } from "../../providers/dukaan/values.js";
import { api } from "../../src/roles/api/index.js";
import { TestEngine } from "../unit/provider-engine.js";
import { ask, migrateSource, nginxConf, packModules, packRuntime, serverSource } from "./release-program.js";
import { startTestMachine, type TestMachine } from "./provider-machine.js";

const role = "dukaan:index:Role";
const release = "dukaan:index:Release";
const candidate = "dukaan:index:ReleaseCandidate";
let machine: TestMachine;
let engine: TestEngine;
let folder: string;
let runtime: Properties;
let modules: Properties;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dukaan-release-"));
  [machine, engine, runtime, modules] = await Promise.all([
    startTestMachine("release"),
    TestEngine.start(),
    packRuntime(folder),
    packModules(folder),
  ]);
  const { name, users, activate, files = [] } = api({ memoryMiB: 512 });
  const connection = sealedConnection();
  const byPath = Object.fromEntries(files.map(({ path, ...file }) => [path, file]));
  const rootFile = { owner: "root", group: "root", mode: "0644" };
  await Promise.all([
    engine.up(
      role,
      "api",
      JSON.parse(JSON.stringify({ name, users, activate, files: byPath, connection, serverId: "1" })),
    ),
    engine.up(role, "nginx", {
      connection,
      serverId: "1",
      name: "nginx",
      packages: ["nginx"],
      files: { "/etc/nginx/nginx.conf": { content: nginxConf, ...rootFile } },
      services: [{ name: "nginx", enabled: true, onChange: "reload" }],
    }),
  ]);
});

afterAll(async () => {
  engine?.close();
  await machine?.remove();
  await rm(folder, { recursive: true, force: true });
});

function sealedConnection(): Properties {
  return { ...machine.connection, privateKey: secret(machine.connection.privateKey) };
}

/** What the program asks for: a bundle that answers with `version`. */
async function program(version: string, environment: Properties = {}): Promise<Properties> {
  const directory = join(folder, `bundle-${version}`);
  await mkdir(join(directory, "assets"), { recursive: true });
  await writeFile(join(directory, "server.mjs"), serverSource(version));
  await writeFile(join(directory, "migrate.mjs"), migrateSource);
  await writeFile(join(directory, "assets/style.css"), "body { color: black }\n");
  return {
    connection: sealedConnection(),
    serverId: "1",
    service: "api",
    bundle: { directory, digest: createHash("sha256").update(serverSource(version)).digest("hex") },
    runtime,
    modules,
    user: "dukaan",
    environment: { PASSWORD: "SENTINEL-5ad'1$x\"y", ...environment },
    migrate: ["migrate.mjs"],
    checks: [{ command: ["curl", "-fsS", "http://127.0.0.1/"], timeoutSeconds: 5 }],
    // A busy machine may take them; what never becomes ready is not waited for that long.
    readySeconds: environment["MOOD"] === "unready" ? 2 : 30,
    standbySeconds: 0,
  };
}

/** The id of the release on the machine that answers with `version`. */
async function releaseOf(version: string): Promise<string> {
  const found = await machine.sh(
    `cd /opt/dukaan/releases/api; grep -l ${JSON.stringify(JSON.stringify(version))} */server.mjs | grep -v current | cut -d / -f 1`,
  );
  expect(found).toMatch(/^\w+$/);
  return found;
}

/** The id of the release that the state says serves. */
function active(): string {
  const id = engine.outputs("shop")["active"];
  return typeof id === "string" ? id : "";
}

const get = (path = "/") => ask(machine.connection.host, path);

/** Sends 50 requests a second, every tenth a slow one, until stopped; returns what came of them. */
function traffic() {
  const results: Promise<string>[] = [];
  const timer = setInterval(() => {
    const path = results.length % 10 === 0 ? "/slow" : "/";
    const outcome = get(path).then(
      ({ status, body }) => (status === 200 ? (body.split(" ")[0] ?? "") : `status ${status}`),
      (error: Error) => error.message,
    );
    results.push(outcome);
  }, 20);
  return async () => {
    clearInterval(timer);
    const counts: Record<string, number> = {};
    for (const outcome of await Promise.all(results)) counts[outcome] = (counts[outcome] ?? 0) + 1;
    return counts;
  };
}

test("a first release brings runtime, files and environment, migrates and serves", async () => {
  await engine.up(release, "shop", await program("one"));
  expect(await get()).toEqual({ status: 200, body: `one ${active()}` });
  expect(await machine.sh("readlink /opt/dukaan/releases/api/current /run/dukaan/api.sock")).toBe(
    `${active()}\napi-${active()}.sock`,
  );
  expect(await machine.sh("stat -c '%a %U %G' /opt/dukaan/releases/api/current/env")).toBe("640 root dukaan");
  expect(await machine.sh("cat /opt/dukaan/releases/api/current/node_modules/native/index.js")).toBe(
    "// native",
  );
  await machine.sh(`systemctl is-enabled dukaan-api@${active()}.service`);
  const [migrator = "", ...password] = (await machine.sh("cat /tmp/migrated; rm /tmp/migrated")).split(" ");
  expect(migrator).toBe(await machine.sh("id -u dukaan"));
  expect(password.join(" ")).toBe("SENTINEL-5ad'1$x\"y");
  // A shell reads the environment as systemd does.
  expect(await machine.sh('. /opt/dukaan/releases/api/current/env; printf %s "$PASSWORD"')).toBe(
    "SENTINEL-5ad'1$x\"y",
  );
});

test("what is said to be done is there after a power cut right after it", async () => {
  await machine.cutPower();
  for (let i = 0; i < 600 && (await get().catch(() => ({ status: 0 }))).status !== 200; i++) await sleep(100);
  expect((await get()).body).toBe(`one ${active()}`);
  expect(await engine.drift(release, "shop", await program("one"))).toEqual({});
});

test("a good release loses no request and sends no runtime again", async () => {
  const sent = "stat -c %Z /opt/dukaan/runtimes/*/bin/node /opt/dukaan/modules/*/digest";
  const before = await machine.sh(sent);
  // Of a release that is gone.
  await machine.sh("mkdir /opt/dukaan/modules/old && touch -d '2 hours ago' /opt/dukaan/modules/old");
  const stop = traffic();
  await sleep(500);
  await engine.up(release, "shop", await program("two"));
  await sleep(300);
  const counts = await stop();
  expect(Object.keys(counts).toSorted()).toEqual(["one", "two"]);
  expect(await machine.sh(sent)).toBe(before);
  expect(
    await machine.sh(
      "ls /opt/dukaan/modules | wc -l; find /opt/dukaan/releases/api -mindepth 2 -name node_modules | wc -l",
    ),
  ).toBe("1\n2");
  expect(await machine.sh("systemctl list-units --plain --no-legend 'dukaan-api@*' | wc -l")).toBe("1");
});

test.each([
  ["never becomes ready", { MOOD: "unready" }, /failed at step "readyz"[^]*did not become ready within 2 s/],
  ["ends at once", { MOOD: "dead" }, /failed at step "(start|readyz)"[^]*cannot go on: \[secret\]/],
  ["cannot migrate", { MOOD: "unmigratable" }, /failed at step "migrate"[^]*relation does not exist/],
])("a release that %s is taken back; the old one serves every request", async (_what, mood, message) => {
  const stop = traffic();
  const failure = await engine
    .up(release, "shop", await program("three", mood))
    .catch((error: unknown) => String(error));
  expect(failure).toMatch(message);
  expect(failure).not.toContain("SENTINEL");
  expect(Object.keys(await stop())).toEqual(["two"]);
  expect(await machine.sh("ls /opt/dukaan/releases/api /run/dukaan")).not.toMatch(/three/);
  expect(await machine.sh("readlink /opt/dukaan/releases/api/current")).toBe(active());
  expect(await machine.sh("systemctl list-units --all --plain --no-legend 'dukaan-api@*' | wc -l")).toBe("1");
});

test("a release whose check fails after the switch is switched back without a lost request", async () => {
  const wrong = {
    ...(await program("four")),
    checks: [{ command: ["sh", "-c", "curl -s http://127.0.0.1/; exit 3"], timeoutSeconds: 3 }],
  };
  const stop = traffic();
  await expect(engine.up(release, "shop", wrong)).rejects.toThrow(
    /failed at step "checks 1"; what was there before is back[^]*four/,
  );
  const counts = await stop();
  expect(Object.keys(counts).toSorted()).toEqual(["four", "two"]);
  expect((await get()).body).toMatch(/^two/);
});

test("a candidate whose switch fails ends, and is none to go back to; one that has served before stays one", async () => {
  const failing = {
    ...(await program("tried")),
    checks: [{ command: ["sh", "-c", "exit 3"], timeoutSeconds: 1 }],
  };
  await engine.up(candidate, "next", failing);
  const id = await releaseOf("tried");
  const isThere = (path: string) => machine.sh(`[ -e ${path} ] && echo yes || echo no`);
  const state = () =>
    machine.sh(`systemctl is-active dukaan-api@${id} || true; systemctl is-enabled dukaan-api@${id} || true`);
  expect(await state()).toBe("active\ndisabled");
  await expect(engine.up(release, "shop", failing)).rejects.toThrow(/failed at step "checks 1"/);
  expect(await state()).toBe("inactive\ndisabled");
  expect(await isThere(`/opt/dukaan/releases/api/${id}/.candidate`)).toBe("yes");
  expect((await get()).body).toMatch(/^two/);

  // Served before, so its files are here without a mark; the run that prepares it starts it all the same.
  const one = { ...(await program("one")), checks: failing.checks };
  await engine.up(candidate, "next", one);
  const earlier = await releaseOf("one");
  await expect(engine.up(release, "shop", one)).rejects.toThrow(/failed at step "checks 1"/);
  expect(await machine.sh(`systemctl is-active dukaan-api@${earlier} || true`)).toBe("inactive");
  expect(await isThere(`/opt/dukaan/releases/api/${earlier}/.candidate`)).toBe("no");
  expect((await get()).body).toMatch(/^two/);
});

test("going back to a release that is still there sends nothing but the order", async () => {
  engine.messages.length = 0;
  const back = await program("one");
  await rm(join(folder, "bundle-one"), { recursive: true });
  await engine.up(release, "shop", back);
  expect((await get()).body).toMatch(/^one/);
});

test("drift is found and repaired: stopped, changed by hand, removed", async () => {
  const wanted = await program("one");
  expect(await engine.drift(release, "shop", wanted)).toEqual({});
  await machine.sh("systemctl stop 'dukaan-api@*'");
  expect(await engine.drift(release, "shop", wanted)).toEqual({ active: "update" });
  await engine.up(release, "shop", wanted);
  expect((await get()).body).toMatch(/^one/);

  await machine.sh("echo '// by hand' >> /opt/dukaan/releases/api/current/server.mjs");
  expect(await engine.drift(release, "shop", wanted)).toEqual({ active: "update" });
  expect(active()).toMatch(/ \(modified\)$/);
  await engine.up(release, "shop", wanted);
  expect(await machine.sh("tail -n 1 /opt/dukaan/releases/api/current/server.mjs")).not.toContain("by hand");

  await machine.sh("systemctl stop 'dukaan-api@*'; rm -r /opt/dukaan/releases /run/dukaan/api.sock");
  expect(await engine.drift(release, "shop", wanted)).toEqual({ active: "update" });
  await engine.up(release, "shop", wanted);
  expect((await get()).body).toMatch(/^one/);
  expect(await engine.drift(release, "shop", wanted)).toEqual({});
});

test("the last three releases stay, older ones go", async () => {
  await machine.sh(
    "cd /opt/dukaan/releases/api && mkdir old older oldest && touch -d '-1 hour' old && touch -d '-2 hours' older oldest",
  );
  await engine.up(release, "shop", await program("five"));
  const kept = (await machine.sh("ls /opt/dukaan/releases/api"))
    .split("\n")
    .filter((name) => name !== "current");
  expect(kept).toHaveLength(3);
  expect(kept).toContain("old");
});

test("the release before stands by for its time, and takes over for good when the new one ends", async () => {
  const instances = () => machine.sh("systemctl list-units --plain --no-legend 'dukaan-api@*' | wc -l");
  const before = active();
  await engine.up(release, "shop", { ...(await program("six")), standbySeconds: 10 });
  const six = active();
  expect(await machine.sh("readlink /run/dukaan/api-standby.sock")).toBe(`api-${before}.sock`);
  expect(await instances()).toBe("2");
  await expect.poll(instances, { timeout: 60_000 }).toBe("1");
  expect(await machine.sh("ls /run/dukaan")).not.toContain("standby");
  expect((await get()).body).toBe(`six ${six}`);

  const seven = { ...(await program("seven")), standbySeconds: 600 };
  await engine.up(release, "shop", seven);
  await machine.sh(`systemctl kill --signal KILL dukaan-api@${active()}.service`);
  await expect.poll(instances, { timeout: 60_000 }).toBe("1");
  expect((await get()).body).toBe(`six ${six}`);
  expect(await machine.sh("readlink /opt/dukaan/releases/api/current")).toBe(six);
  expect(await engine.drift(release, "shop", seven)).toEqual({ active: "update" });
  await expect(engine.up(release, "shop", seven)).rejects.toThrow(
    /taken back here: .*ended by itself \(killed KILL\)[^]*up --release latest/,
  );
  expect((await get()).body).toBe(`six ${six}`);

  const earlier = `/usr/local/lib/dukaan/fall-back-release earlier api ${six}`;
  const bundle = await machine.sh(earlier);
  expect((await get()).body).toBe(`six ${six}`);
  const back = await machine.sh(
    `/usr/local/lib/dukaan/fall-back-release back api ${six} 'by hand' 2>/dev/null`,
  );
  expect(back).toBe(`${before}\t${bundle}`);
  expect(await machine.sh(earlier)).toBe(bundle);
  expect((await get()).body).toBe(`five ${before}`);
  expect(await machine.sh(`/usr/local/lib/dukaan/fall-back-release back api ${six} 'by hand'`)).toBe(back);
  await engine.up(release, "shop", await program("eight"));
});

test("a release that comes back gets the credentials of now; one of the same bundle is no earlier one", async () => {
  const credentials = ["PASSWORD"];
  await engine.up(release, "shop", { ...(await program("nine", { COLOUR: "red" })), credentials });
  const changed = { PASSWORD: "SENTINEL-5ad-new", COLOUR: "blue" };
  await engine.up(release, "shop", { ...(await program("ten")), credentials });
  await engine.up(release, "shop", { ...(await program("ten", changed)), credentials });
  await machine.sh(`/usr/local/lib/dukaan/fall-back-release back api ${active()} 'by hand' 2>&1`);
  expect((await get()).body).toMatch(/^nine/);
  const look = "cd /opt/dukaan/releases/api/current; sha256sum --check --status --strict .sums";
  const env = await machine.sh(`${look}; stat -c '%a %U %G' env; cat env`);
  expect(env).toMatch(/^640 root dukaan\nCOLOUR='red'[^]*PASSWORD='SENTINEL-5ad-new'/);
});

test("the password is in the releases' environment files alone", async () => {
  // The journal has what the dying app printed itself.
  const found = await machine.sh(
    "grep -rl 'SENTINE[L]-5ad' /etc /var /root /opt /run --exclude-dir=journal 2>/dev/null || true",
  );
  const elsewhere = found
    .split("\n")
    .filter((path) => !/^\/opt\/dukaan\/releases\/api\/\w+\/env$/.test(path));
  expect(elsewhere).toEqual([]);
  expect(await machine.sh("journalctl -o cat | grep 'SENTINE[L]' | grep -v '^cannot go on' || true")).toBe(
    "",
  );
  expect(JSON.stringify(engine.outputs("shop"))).not.toContain("SENTINEL");
});

test("deleting it stops the service and removes its files", async () => {
  await engine.delete(release, engine.state("shop"));
  expect(await machine.sh("systemctl list-units --all --plain --no-legend 'dukaan-api@*'")).toBe("");
  expect(await machine.sh("ls /opt/dukaan/releases; ls /run/dukaan")).toBe("");
});
