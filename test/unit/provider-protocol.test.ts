import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ProviderError, type ResourceType } from "../../providers/dukaan/resource.js";
import { holdsSecret, reveal, secret, unknown, type Properties } from "../../providers/dukaan/values.js";
import { TestEngine } from "./provider-engine.js";

const role = "dukaan:index:Role";
const stage = "dukaan:index:Stage";
let engine: TestEngine;

beforeAll(async () => {
  engine = await TestEngine.start();
});
afterAll(() => engine.close());

const connection: Properties = {
  host: "203.0.113.10",
  user: "root",
  hostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP",
  privateKey: secret("KEY"),
};

describe("the schema", () => {
  test("is complete: every reference leads to a type, every type of ours is there", async () => {
    const schema = JSON.parse(await engine.schema());
    const references = JSON.stringify(schema).match(/#\/types\/[\w:]+/g) ?? [];
    expect(references.length).toBeGreaterThan(5);
    for (const reference of references)
      expect(Object.keys(schema.types)).toContain(reference.replace("#/types/", ""));
    expect(Object.keys(schema.resources).map((token) => token.replace("dukaan:index:", ""))).toEqual([
      "Stage",
      "SshKey",
      "CertificateAuthority",
      "Certificate",
      "AcmeAccount",
      "Role",
      "BootPackage",
      "ReleaseCandidate",
      "Release",
      "InstanceRefresh",
    ]);
  });
});

describe("check", () => {
  test("reports every problem at once, each with its path", async () => {
    const inputs = {
      connection: { ...connection, port: "22", usr: "root" },
      serverId: 1,
      packages: ["nginx", 7],
      files: { "/etc/motd": { content: "hi", owner: "root", group: "root" } },
      services: { nginx: true },
      colour: "red",
    };
    const failure = await engine
      .check(role, inputs)
      .catch((error: Error) => error.message.split("\n").toSorted());
    expect(failure).toEqual([
      expect.stringMatching(/^colour: is not known; allowed are connection, serverId, name/),
      "connection.port: must be a whole number",
      "connection.usr: is not known; allowed are host, port, user, hostKey, privateKey, tunnel",
      'files["/etc/motd"].mode: is required',
      "name: is required",
      "packages[1]: must be a string",
      "serverId: must be a string",
      "services: must be a list",
    ]);
  });

  test("wants of a tunnel what an address for AWS is made of, and a private address at its end", async () => {
    const tunnel = { endpointId: "eice-1&x", dnsName: "no name/", region: "US" };
    const inputs = {
      serverId: "1",
      name: "nginx",
      connection: { ...connection, host: "2001:db8::1", tunnel },
    };
    const failure = await engine.check(role, inputs).catch((error: Error) => error.message.split("\n"));
    expect(failure).toEqual([
      'connection.tunnel.endpointId: "eice-1&x" is not the id of an endpoint, eice-…',
      'connection.tunnel.dnsName: "no name/" is not a name',
      'connection.tunnel.region: "US" is not a region of AWS',
      'connection.host: "2001:db8::1" is not an IPv4 address, as a tunnel needs one',
    ]);
  });

  test("takes what a preview does not know yet, wherever it stands", async () => {
    const inputs = {
      connection: { ...connection, host: unknown, port: unknown },
      serverId: unknown,
      name: "nginx",
      packages: unknown,
      files: { "/etc/motd": { content: unknown, owner: "root", group: "root", mode: "0644" } },
      checks: [{ command: unknown, timeoutSeconds: unknown }],
    };
    expect(await engine.check(role, inputs)).toEqual(inputs);
  });

  test("wraps what is a secret by its nature", async () => {
    const inputs = await engine.check(role, {
      connection: { ...connection, privateKey: "KEY" },
      serverId: "1",
      name: "nginx",
      files: { "/etc/token": { content: "T", owner: "root", group: "root", mode: "0600", secret: true } },
    });
    expect(inputs).toMatchObject({
      connection: { privateKey: secret("KEY") },
      files: { "/etc/token": { content: secret("T") } },
    });
  });

  test.each([
    ["name", { name: "Nginx Role" }, /^name: "Nginx Role" is not a name of small letters/],
    ["path", { files: { "etc/motd": file() } }, /is not an absolute path/],
    ["path", { files: { "/etc/../motd": file() } }, /is not an absolute path/],
    [
      "mode",
      { files: { "/etc/motd": file({ mode: "rw-r--r--" }) } },
      /\.mode: "rw-r--r--" is not an octal mode/,
    ],
    ["owner", { files: { "/etc/motd": file({ owner: "a b" }) } }, /\.owner: "a b" is not a user name/],
    ["package", { packages: ["nginx; reboot"] }, /^packages\[0\]: .* is not the name of a Debian package/],
    ["service", { services: [{ name: "a b", enabled: true, onChange: "restart" }] }, /is not a systemd unit/],
    [
      "reaction",
      { services: [{ name: "a", enabled: true, onChange: "kick" }] },
      /is not restart, reload or none/,
    ],
    ["command", { activate: [[]] }, /^activate\[0\]: must name a program/],
    ["patience", { checks: [{ command: ["true"], timeoutSeconds: 0 }] }, /must be 1 to 600/],
    ["user", { connection: { ...connection, user: "debian" } }, /^connection.user: must be root/],
    [
      "host key",
      { connection: { ...connection, hostKey: "AAAA" } },
      /^connection.hostKey: must be a public key/,
    ],
    ["secret", { activate: [["login", secret("PASSWORD")]] }, /^activate: must not hold a secret/],
  ])("refuses a wrong %s", async (_what, change: Properties, message) => {
    const inputs = { connection, serverId: "1", name: "nginx", ...change };
    await expect(engine.check(role, inputs)).rejects.toThrow(message);
  });
});

function file(change: Properties = {}): Properties {
  return { content: "", owner: "root", group: "root", mode: "0644", ...change };
}

describe("the stage guard", () => {
  const droplet = { stage: "droplet", provider: "hetzner", location: "fsn1", image: "debian-12" };

  test("lets a stack begin at any stage and stay there", async () => {
    expect(await engine.up(stage, "guard", droplet)).toEqual({ stage: "droplet" });
    expect(await engine.up(stage, "guard", droplet)).toEqual({ stage: "droplet" });
  });

  test.each([
    ["stage", { stage: "split" }, /^stage: .*droplet to split.*\.\/dukaan evolve split/],
    ["location", { location: "hel1" }, /^stage: .*hetzner\/fsn1 to hetzner\/hel1/],
    ["image", { image: "debian-13" }, /^stage: .*\.\/dukaan rebuild/],
  ])("refuses another %s and says what to do", async (_what, change, message) => {
    await expect(engine.up(stage, "guard", { ...droplet, ...change })).rejects.toThrow(message);
    expect(engine.outputs("guard")).toEqual({ stage: "droplet" });
  });

  test("lets a change pass whose token fits, and forgets the token", async () => {
    const split = { ...droplet, stage: "split" };
    await expect(engine.up(stage, "guard", { ...split, token: "stage:droplet>fleet" })).rejects.toThrow(
      /split/,
    );
    expect(await engine.up(stage, "guard", { ...split, token: "stage:droplet>split" })).toEqual({
      stage: "split",
    });
    expect(engine.state("guard").inputs).toEqual(split);
    await expect(engine.up(stage, "guard", { ...droplet, token: "stage:droplet>split" })).rejects.toThrow(
      /droplet/,
    );
  });
});

describe("the server", () => {
  test("shows a foreseen error as it is, and no secret in any error or message", async () => {
    const careless: ResourceType = {
      diff: () => ({ changes: {} }),
      async create({ stage: password }, context) {
        context.progress(`trying ${JSON.stringify(password)} at db.example`);
        throw new ProviderError(`cannot log in as shop:${JSON.stringify(password)}@db`);
      },
    };
    const own = await TestEngine.start(() => Promise.resolve(careless));
    await expect(own.create(stage, { stage: secret("hunter2-and-more") })).rejects.toThrow(
      /^cannot log in as shop:"\[secret\]"@db$/,
    );
    await expect.poll(() => own.messages).toEqual(['trying "[secret]" at db.example']);
    own.close();
  });

  test("cannot import, and says what to do instead", async () => {
    await expect(engine.read(role, { id: "1/nginx", inputs: {}, outputs: {} })).rejects.toThrow(
      /cannot be imported: only the program knows its inputs/,
    );
  });

  test("in a preview says what is known and touches nothing", async () => {
    const files = { "/etc/motd": file({ content: "hi" }) };
    const known = await engine.create(role, { connection, serverId: "1", name: "motd", files }, true);
    expect(reveal(known.outputs)).toEqual({
      digest: expect.stringMatching(/^[0-9a-f]{16}$/),
      fileDigests: { "/etc/motd": "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4" },
    });
    const later = { "/etc/motd": file({ content: unknown }) };
    const open = await engine.create(
      role,
      { connection, serverId: unknown, name: "motd", files: later },
      true,
    );
    expect(open.outputs).toEqual({ digest: unknown, fileDigests: unknown });
    const key = await engine.create("dukaan:index:SshKey", { comment: "deploy@lab" }, true);
    expect(key.outputs["publicKey"]).toBe(unknown);
    expect(holdsSecret(key.outputs["privateKey"] ?? "")).toBe(true);
  });
});
