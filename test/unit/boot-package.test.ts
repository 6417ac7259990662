import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { isSecret, secret, unknown, type Properties } from "../../providers/dukaan/values.js";
import { projectRoot } from "../../src/project.js";
import { type BucketServer, startBucketServer } from "./bucket-server.js";
import { TestEngine } from "./provider-engine.js";

const type = "dukaan:index:BootPackage";
const bucket = "dukaan-lab-releases";
const digestOf = (content: string | Buffer) => createHash("sha256").update(content).digest("hex");
let folder: string;
let storage: BucketServer;
let engine: TestEngine;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dukaan-boot-package-"));
  for (const bundle of ["bundle", "elsewhere"]) {
    await mkdir(join(folder, bundle, "assets"), { recursive: true });
    await writeFile(join(folder, bundle, "server.mjs"), "serve()");
    await writeFile(join(folder, bundle, "assets/style.css"), "body {}");
  }
  for (const name of ["node", "next-node", "modules"]) await writeFile(join(folder, name), name);
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIDTEST");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "SENTINEL-credential");
  vi.stubEnv("AWS_ENDPOINT_URL", "");
  storage = await startBucketServer(bucket);
  engine = await TestEngine.start();
});
afterEach(() => {
  engine.close();
  storage.close();
  vi.unstubAllEnvs();
});

const rootFile = { owner: "root", group: "root", mode: "0644" };
const password = "SENTINEL-5ad'1$x";

function archive(name: string): Properties {
  return { archive: join(folder, name), digest: digestOf(name) };
}

function release(changes: Properties = {}): Properties {
  return {
    service: "api",
    bundle: { directory: join(folder, "bundle"), digest: digestOf("bundle") },
    runtime: { ...archive("node"), version: "24.21.0" },
    modules: archive("modules"),
    user: "dukaan",
    environment: { PASSWORD: password, COLOUR: "red" },
    ...changes,
  };
}

function program(changes: Properties = {}): Properties {
  return {
    endpoint: storage.endpoint,
    region: "us-east-1",
    bucket,
    roles: [
      { name: "base", packages: ["curl"], files: { "/etc/motd": { content: "hello\n", ...rootFile } } },
      {
        name: "pgbouncer",
        // Not marked by the program.
        files: { "/etc/pgbouncer/userlist.txt": { content: secret("shop SENTINEL-7c\n"), ...rootFile } },
        services: [{ name: "pgbouncer.service", enabled: true, onChange: "reload" }],
      },
    ],
    release: release(),
    ...changes,
  };
}

/** A role of the program with other files. */
const motd = (content: string): Properties => ({
  name: "base",
  packages: ["curl"],
  files: { "/etc/motd": { content, ...rootFile } },
});
const otherBase = (content: string) => program({ roles: [motd(content), ...others()] });
const others = () => (program()["roles"] as Properties[]).slice(1);

/** Brings it into the bucket, as the only one of its kind in the state. */
async function pack(news: Properties): Promise<{ key: string; digest: string; contentId: string }> {
  return (await engine.up(type, "package", news)) as { key: string; digest: string; contentId: string };
}

/** Content by path of a package. */
async function unpacked({ key, digest }: { key: string; digest: string }): Promise<Record<string, string>> {
  const found = storage.objects.get(key);
  expect(digestOf(found?.content ?? "")).toBe(digest);
  const into = await mkdtemp(join(folder, "unpacked-"));
  await execa("tar", ["-xzf", "-", "-C", into], { input: found?.content ?? Buffer.of() });
  const { stdout } = await execa("find", [into, "-type", "f", "-printf", "%P\n"]);
  const paths = stdout.split("\n").toSorted();
  const contents = await Promise.all(paths.map((path) => readFile(join(into, path), "utf8")));
  return Object.fromEntries(paths.map((path, index) => [path, contents[index] ?? ""]));
}

const keys = (start: string) => [...storage.objects.keys()].filter((key) => key.startsWith(start)).toSorted();

describe("a package", () => {
  test("has each role and the release as the machine's scripts take them, and names the rest", async () => {
    const outputs = await pack(program());
    expect(outputs.key).toBe(`boot/${outputs.digest}.tar.gz`);
    const files = await unpacked(outputs);
    expect(Object.keys(files)).toEqual(
      expect.arrayContaining([
        "roles/01-base/packages",
        "roles/01-base/root/etc/motd",
        "roles/02-pgbouncer/root/etc/pgbouncer/userlist.txt",
        "release/bundle/server.mjs",
        "release/bundle/assets/style.css",
      ]),
    );
    const script = (name: string) => readFile(join(projectRoot, "providers/dukaan/machine", name), "utf8");
    expect(files["apply-role"]).toBe(await script("apply-role.sh"));
    expect(files["place-archive"]).toBe(await script("place-archive.sh"));
    expect(files["release/script"]).toBe(await script("switch-release.sh"));
    expect(files["release/fall-back"]).toBe(await script("fall-back-release.sh"));
    expect(files["roles/01-base/role"]).toMatch(/^base\t[0-9a-f]{16}\t-\n$/);
    // Nothing stands by: there was nothing before.
    expect(files["release/release"]).toMatch(
      new RegExp(
        `^api\t[0-9a-f]{12}\tnode-24.21.0\tdukaan\t60\t-\t${digestOf("bundle")}\t0\t[0-9a-f]{16}\n$`,
      ),
    );
    expect(files["release/env"]).toContain(`PASSWORD='SENTINEL-5ad'"'"'1$x'\n`);
    expect(Object.keys(files)).not.toContain("release/migrate");
    const modules = digestOf("modules");
    expect(files["objects"]).toBe(
      `/opt/dukaan/runtimes/node-24.21.0\tbin/node\tobjects/${digestOf("node")}.tar.gz\t${digestOf("node")}\n` +
        `/opt/dukaan/modules/${modules.slice(0, 16)}\tnode_modules\tobjects/${modules}.tar.gz\t${modules}\n`,
    );
    expect(keys("objects/")).toEqual(
      [digestOf("node"), modules].map((digest) => `objects/${digest}.tar.gz`).toSorted(),
    );
    expect(storage.objects.get(`objects/${modules}.tar.gz`)?.content.toString()).toBe("modules");
  });

  test("says which texts no message may show, also of files whose content alone says so", async () => {
    const { masks = "" } = await unpacked(await pack(program()));
    expect(masks.split("\n")).toEqual(expect.arrayContaining([password, "SENTINEL-7c", "shop SENTINEL-7c"]));
    expect(masks).not.toContain("hello");
  });

  test("is made of the same bytes again, and what is large and there already is not sent again", async () => {
    const first = await pack(program());
    await pack(otherBase("second\n"));
    storage.requests.length = 0;
    expect(await pack(program())).toEqual(first);
    expect(storage.requests.filter((request) => request.startsWith("PUT"))).toEqual([`PUT ${first.key}`]);
    expect(keys("boot/")).toHaveLength(2);
  });

  test("is no difference when a clone in another folder makes it", async () => {
    await pack(program());
    storage.requests.length = 0;
    const bundle = { directory: join(folder, "elsewhere"), digest: digestOf("bundle") };
    const runtime = { archive: "/elsewhere/node", digest: digestOf("node"), version: "24.21.0" };
    await pack(program({ release: release({ bundle, runtime }), after: ["x"] }));
    expect(storage.requests).toEqual([]);
  });
});

describe("a difference", () => {
  async function differences(news: Properties): Promise<{ changes: object; replaces: string[] }> {
    await pack(program());
    const old = engine.state("package");
    return engine.diff(type, old, await engine.check(type, news, old.inputs));
  }
  const released = (changes: Properties) => program({ release: release(changes) });

  test.each<[string, () => Properties, object]>([
    ["a file", () => otherBase("good day\n"), { 'roles[0].files["/etc/motd"].content': "update" }],
    [
      "a new role",
      () => program({ roles: [motd("hello\n"), ...others(), { name: "nginx" }] }),
      { "roles[2]": "add" },
    ],
    ["a role less", () => program({ roles: [motd("hello\n")] }), { "roles[1]": "delete" }],
    [
      "the bundle",
      () => released({ bundle: { directory: folder, digest: digestOf("next") } }),
      { "release.bundle.digest": "update" },
    ],
    [
      "a secret",
      () => released({ environment: { PASSWORD: "other", COLOUR: "red" } }),
      { "release.environment.PASSWORD": "update" },
    ],
    ["what nobody knows yet", () => otherBase(unknown), { 'roles[0].files["/etc/motd"].content': "update" }],
    ["a list that nobody knows yet", () => program({ roles: unknown }), { roles: "update" }],
    ["credentials' names", () => released({ credentials: ["PASSWORD"] }), { contentId: "update" }],
    ["the region", () => program({ region: "eu-central-1" }), { region: "update" }],
  ])("is named: %s", async (_what, news, changes) => {
    expect(await differences(news())).toEqual({ changes, replaces: [] });
  });

  test("of the bucket is another package", async () => {
    expect((await differences(program({ bucket: "another-bucket" }))).replaces).toEqual(["bucket"]);
  });

  test("is what somebody took out of the bucket, and is repaired", async () => {
    await pack(program());
    expect(await engine.drift(type, "package", program())).toEqual({});
    storage.objects.delete(`objects/${digestOf("node")}.tar.gz`);
    expect(await engine.drift(type, "package", program())).toEqual({ contentId: "update" });
    await pack(program());
    expect(await engine.drift(type, "package", program())).toEqual({});
  });
});

describe("a preview", () => {
  test("asks nobody, and knows what will be in it", async () => {
    const inputs = await engine.check(type, program());
    const { outputs } = await engine.create(type, inputs, true);
    expect(outputs).toMatchObject({ key: unknown, digest: unknown });
    expect(storage.requests).toEqual([]);
    const { contentId } = await pack(program());
    expect(outputs["contentId"]).toBe(contentId);
    const changed = await engine.check(type, otherBase(unknown));
    expect((await engine.update(type, engine.state("package"), changed, true)).outputs).toEqual({
      contentId: unknown,
      key: unknown,
      digest: unknown,
    });
  });
});

describe("the bucket", () => {
  test("keeps the newest fifty packages, and of the large parts those that one of them names", async () => {
    const runtime = { ...archive("next-node"), version: "24.22.0" };
    await pack(program());
    const names: string[] = [];
    const parts: number[] = [];
    for (let index = 0; index < 51; index++) {
      const roles = [motd(`${index}\n`)];
      const { key } = await pack(program({ roles, release: release({ runtime }) }));
      names.push(key);
      parts.push(keys("objects/").length);
    }
    // The first package is the fiftieth, for as long as it is there.
    expect(parts).toEqual([...Array.from({ length: 49 }, () => 3), 2, 2]);
    expect(keys("boot/")).toEqual(names.slice(1).toSorted());
    expect(keys("objects/")).toEqual(
      [digestOf("next-node"), digestOf("modules")].map((digest) => `objects/${digest}.tar.gz`).toSorted(),
    );
  });

  test("is empty when the package is deleted, which may be so already", async () => {
    await pack(program());
    await engine.delete(type, engine.state("package"));
    expect([...storage.objects.keys()]).toEqual([]);
    await engine.delete(type, engine.state("package"));
    const gone = { ...engine.state("package"), inputs: { ...program(), bucket: "gone" } };
    await engine.delete(type, gone);
  });
});

describe("an error", () => {
  test("says what the storage said, and asks no second time", async () => {
    storage.refusals.push(403);
    await expect(pack(program())).rejects.toThrow(
      /does not let us look at objects\/.* in the bucket dukaan-lab-releases: HTTP 403.*aws sts get-caller-identity/,
    );
    expect(storage.requests).toEqual([]);
  });

  test("of the moment is none: the request is sent again", async () => {
    storage.refusals.push(503, undefined, 500);
    await pack(program());
    expect(keys("objects/")).toHaveLength(2);
  });

  test("is an archive that is not what its digest says", async () => {
    const runtime = { archive: join(folder, "node"), digest: digestOf("other"), version: "24.21.0" };
    await expect(pack(program({ release: release({ runtime }) }))).rejects.toThrow(
      /runtime\.archive: .* has SHA-256 .*, not/,
    );
    expect(storage.requests).toEqual([]);
  });

  test("is every input that is wrong, each by its path", async () => {
    const wrong = {
      endpoint: "s3.amazonaws.com/x",
      region: "US",
      bucket: "Capital",
      roles: [{ name: "BASE", packages: [secret("curl")] }, secret({ name: "whole" })],
      release: release({ user: "no user", service: secret("api") }),
    };
    const failure = await engine.check(type, wrong).catch((error: Error) => error.message.split("\n"));
    expect(failure).toEqual([
      expect.stringContaining("endpoint: "),
      expect.stringContaining("region: "),
      expect.stringContaining("bucket: "),
      expect.stringContaining("roles[0].name: "),
      expect.stringContaining("release.user: "),
      expect.stringMatching(/^roles\[0\]\.packages: must not hold a secret/),
      expect.stringMatching(/^roles\[1\]: must not hold a secret/),
      expect.stringMatching(/^release\.service: must not hold a secret/),
    ]);
  });
});

test("a secret is in no output, message or error, and wrapped in the state", async () => {
  await pack(program());
  const { inputs, outputs } = engine.state("package");
  expect(JSON.stringify(outputs)).not.toContain("SENTINEL");
  const withoutSecrets = JSON.stringify(inputs, (_, value: Properties) => (isSecret(value) ? "-" : value));
  expect(withoutSecrets).not.toContain("SENTINEL");
  expect(withoutSecrets).toContain('"COLOUR":"-"');
  storage.refusals.push(undefined, undefined, 400);
  const failure = await pack(otherBase("x")).then(String, String);
  expect(failure).toContain("write boot/");
  expect(failure + engine.messages.join("\n")).not.toContain("SENTINEL");
  expect(engine.messages.join("\n")).toMatch(/sending the package \(0\.0 MB\) to dukaan-lab-releases/);
});
