import { beforeAll, describe, expect, it } from "vitest";
import { provision } from "../../src/provision.js";
import { artifacts, backup, onThisComputer, outputsOf, settingsOf, short, stateful } from "./provisioned.js";
import { type RecordedResource, recordResources } from "./record-resources.js";

const images = { ...backup, bucket: "shop-images", secretKey: "SENTINEL-IMAGES-SECRET-KEY" };
const local = settingsOf(onThisComputer);
const real = settingsOf({
  "dukaan:operatorCidrs": ["198.51.100.7/32"],
  "dukaan:sms": { url: "https://sms.example.com/", secret: `whsec_SENTINEL${"A".repeat(32)}` },
  "dukaan:domain": "shop.example.com",
  "dukaan:backup": backup,
  "dukaan:images": images,
});

const split = settingsOf({
  "hcloud:endpoint": "http://127.0.0.1:8470/v1",
  "dukaan:backup": backup,
  "dukaan:stage": "split",
});

let onLocal: RecordedResource[];
let onReal: RecordedResource[];

beforeAll(async () => {
  onLocal = await recordResources(() => provision(local, artifacts), outputsOf);
  onReal = await recordResources(() => provision(real, artifacts), outputsOf);
});

describe("resources of stage split", () => {
  it("are the droplet's stateful ones, unchanged, and the database's machine", async () => {
    const onSplit = await recordResources(() => provision(split, artifacts), outputsOf);
    const inputsOf = (resources: RecordedResource[], type: string) =>
      new Map(
        resources
          .filter((one) => one.type === type)
          // The recorder numbers what it records, from 1000 on.
          .map(({ urn, inputs }) => [urn, JSON.stringify(inputs).replaceAll(/\b1\d{3}\b/g, "id")]),
      );
    for (const type of stateful) {
      const before = inputsOf(onLocal, type);
      const after = inputsOf(onSplit, type);
      for (const [urn, inputs] of before) expect(after.get(urn), urn).toBe(inputs);
    }
    const table = onSplit
      .filter(({ name }) => name.startsWith("database-1"))
      .map(({ chain, type, name }) => [...chain.map(short), `${short(type)} ${name}`].join(" / "))
      .toSorted();
    expect(table).toMatchInlineSnapshot(`
      [
        "Environment / Backups / Role database-1-backup",
        "Environment / Database / Certificate database-1-postgresql",
        "Environment / Database / Role database-1-postgresql",
        "Environment / Region / Machine / PrimaryIp database-1-ipv4",
        "Environment / Region / Machine / PrimaryIp database-1-ipv6",
        "Environment / Region / Machine / Role database-1-base",
        "Environment / Region / Machine / Server database-1",
        "Environment / Region / Machine / ServerNetwork database-1",
        "Environment / Region / Machine / SshKey database-1",
        "Environment / Region / Machine database-1",
      ]
    `);
  });
});

describe("a database on a volume", () => {
  it("has it under its machine, protected on a real cloud, and the rest as it was", async () => {
    const withVolume = { ...split, databaseVolume: 20 };
    const recorded = await recordResources(() => provision(withVolume, artifacts), outputsOf);
    const protectedOnes = await recordResources(
      () => provision({ ...withVolume, local: false }, artifacts),
      outputsOf,
    );
    const without = await recordResources(() => provision(split, artifacts), outputsOf);
    const known = new Set(without.map(({ urn }) => urn));
    const added = (resources: RecordedResource[]) => resources.filter(({ urn }) => !known.has(urn));
    const table = added(recorded).map(({ chain, type, name }) =>
      [...chain.map(short), `${short(type)} ${name}`].join(" / "),
    );
    expect(table.toSorted()).toEqual([
      "Environment / Region / Machine / Role database-1-volume",
      "Environment / Region / Machine / Volume database-1-data",
      "Environment / Region / Machine / VolumeAttachment database-1-data",
    ]);
    // Its files and the WAL that waits there have the volume's room, not that of the server's own disk.
    const roleOf = (resources: RecordedResource[], name: string) =>
      JSON.stringify(resources.find((one) => short(one.type) === "Role" && one.name === name)?.inputs);
    expect(roleOf(recorded, "database-1-postgresql")).toContain("max_wal_size = 1000MB");
    expect(roleOf(without, "database-1-postgresql")).toContain("max_wal_size = 500MB");
    const volumeOf = (resources: RecordedResource[]) =>
      added(resources).find(({ type }) => short(type) === "Volume");
    expect(volumeOf(recorded)).toMatchObject({
      protect: false,
      deletedWith: "",
      inputs: { size: 20, format: "ext4" },
    });
    expect(volumeOf(protectedOnes)).toMatchObject({ protect: true, inputs: { deleteProtection: true } });
  });
});

describe("resources of stage droplet", () => {
  it("are these, under these parents", () => {
    const table = onLocal
      .map(({ chain, type, name }) => [...chain.map(short), `${short(type)} ${name}`].join(" / "))
      .toSorted();
    expect(table).toMatchInlineSnapshot(`
      [
        "Environment / AppServers / Certificate app-1",
        "Environment / AppServers / RandomPassword app-session",
        "Environment / AppServers / Release app-1-api",
        "Environment / AppServers / Role app-1-api",
        "Environment / AppServers / Role app-1-nginx",
        "Environment / AppServers / Role app-1-pgbouncer",
        "Environment / AppServers app",
        "Environment / Backups / RandomPassword backups",
        "Environment / Backups / Role app-1-backup",
        "Environment / Backups backups",
        "Environment / CertificateAuthority authority",
        "Environment / CertificateAuthority internal",
        "Environment / Database / Certificate app-1-postgresql",
        "Environment / Database / RandomId database-login-1-salt",
        "Environment / Database / RandomPassword database-login-1",
        "Environment / Database / Role app-1-postgresql",
        "Environment / Database database",
        "Environment / Region / Firewall fsn1-app",
        "Environment / Region / Machine / PrimaryIp app-1-ipv4",
        "Environment / Region / Machine / PrimaryIp app-1-ipv6",
        "Environment / Region / Machine / Role app-1-base",
        "Environment / Region / Machine / Server app-1",
        "Environment / Region / Machine / ServerNetwork app-1",
        "Environment / Region / Machine / SshKey app-1",
        "Environment / Region / Machine app-1",
        "Environment / Region / Network fsn1",
        "Environment / Region / NetworkSubnet fsn1-app",
        "Environment / Region / SshKey fsn1",
        "Environment / Region fsn1",
        "Environment / SshKey deploy",
        "Environment / Stage stage",
        "Environment shop",
        "Stack dukaan-test",
        "dukaan dukaan",
        "hcloud hcloud",
        "random random",
      ]
    `);
  });

  it("are the same on a real cloud, but for the certificate that a public authority signs", () => {
    const acme = ({ urn }: RecordedResource) => urn.includes("dukaan:index:PublicCertificate");
    expect(
      onReal
        .filter((resource) => !acme(resource))
        .map(({ urn }) => urn)
        .toSorted(),
    ).toEqual(onLocal.map(({ urn }) => urn).toSorted());
    expect(onReal.filter(acme).map(({ type, name }) => `${type.replace(/^.*:/, "")} ${name}`)).toEqual([
      "PublicCertificate public",
      "AcmeAccount public",
      "Role app-1-acme",
    ]);
    // The web server is reloaded with what it reads there already.
    const front = onReal.find(({ name }) => name === "app-1-nginx");
    expect(JSON.stringify(front?.inputs)).toContain("digest of app-1-acme");
  });

  it("are without backups where none are wanted, and without the passphrase of any", async () => {
    const without = settingsOf({
      "dukaan:operatorCidrs": ["198.51.100.7/32"],
      "dukaan:backup": "none",
      "dukaan:images": "none",
      "dukaan:sms": "log",
    });
    const resources = await recordResources(() => provision(without, artifacts), outputsOf);
    const inBackups = ({ chain, type }: RecordedResource) => [...chain, type].join().includes("Backups");
    expect(onReal.filter(inBackups)).toHaveLength(3);
    expect(resources.filter(inBackups)).toEqual([]);
    // Nor is there a name for a certificate.
    expect(resources.length).toBe(onReal.length - 3 - 3);
  });

  it("keep the stateful ones under Environment, Region and Machine alone", () => {
    const chains = onLocal
      .filter(({ type }) => stateful.includes(type))
      .map(({ chain, type }) => [type, chain.map(short).join("$")]);
    expect(new Set(chains.map(([type]) => type))).toEqual(new Set(stateful));
    for (const [type, chain] of chains) {
      const above = type?.startsWith("hcloud:index/network") ? "" : "$Machine";
      expect([type, chain]).toEqual([type, `Environment$Region${above}`]);
    }
  });

  it("protects what is stateful on a real cloud, and nothing on the local one", () => {
    expect(onReal.filter(({ protect }) => protect).map(({ type }) => type)).toSatisfy((types: string[]) =>
      stateful.every((type) => types.includes(type)),
    );
    expect(onReal.filter(({ type, protect }) => stateful.includes(type) && !protect)).toEqual([]);
    expect(onLocal.filter(({ protect }) => protect)).toEqual([]);
    const passphrase = onReal.find(({ type, name }) => type.endsWith("RandomPassword") && name === "backups");
    expect(passphrase?.protect).toBe(true);
  });

  it("asks Hetzner itself to refuse deletion on a real cloud alone", () => {
    expect(serverOf(onReal)?.inputs).toMatchObject({ deleteProtection: true, rebuildProtection: true });
    expect(serverOf(onLocal)?.inputs).toMatchObject({ deleteProtection: false, rebuildProtection: false });
  });

  it("does not replace a server for its user data or keys", () => {
    const server = serverOf(onReal);
    expect(server?.ignoreChanges).toEqual(["userData", "sshKeys"]);
  });

  it("lets roles and releases go away with their server", () => {
    const server = serverOf(onReal);
    const onMachine = onReal.filter(({ type }) => /:(Role|Release)$/.test(type));
    expect(onMachine.length).toBeGreaterThan(4);
    expect(new Set(onMachine.map(({ deletedWith }) => deletedWith))).toEqual(new Set([server?.urn]));
  });

  it("all depend on the guard", () => {
    const guard = onReal.find(({ type }) => type === "dukaan:index:Stage");
    // Providers change nothing by themselves.
    const others = onReal.filter(
      ({ custom, urn, type }) => custom && urn !== guard?.urn && !type.startsWith("pulumi:providers:"),
    );
    expect(others.length).toBeGreaterThan(15);
    expect(others.filter(({ dependencies }) => !dependencies.includes(guard?.urn ?? ""))).toEqual([]);
    expect(guard?.inputs).toEqual({
      stage: "droplet",
      provider: "hetzner",
      location: "fsn1",
      image: "debian-12",
      addresses: { fsn1: "10.10.0.0/16" },
      disks: { "app-1": expect.any(Number) as number },
      databaseLogins: [1],
    });
  });

  it("hold the authority to the stack's own names", () => {
    const limits = (recorded: RecordedResource[]) =>
      recorded.find(({ type, name }) => type === "dukaan:index:CertificateAuthority" && name === "authority")
        ?.inputs;
    expect(limits(onReal)?.["permittedDnsDomains"]).toEqual(["shop.example.com"]);
    expect(limits(onReal)).not.toHaveProperty("permittedIpRanges");
    expect(limits(onLocal)).toMatchObject({
      permittedDnsDomains: ["invalid"],
      permittedIpRanges: expect.arrayContaining(["203.0.113.0/24", "10.10.0.0/16"]) as string[],
    });
  });

  it("leave what machines show one another as it is, whatever the public knows the shop by", async () => {
    const named = {
      "dukaan:domain": "other.example.com",
      "dukaan:acme": { directory: "https://acme.example/" },
    };
    const internal = async (raw: Record<string, unknown>) => {
      const resources = await recordResources(
        () => provision(settingsOf({ ...onThisComputer, "dukaan:stage": "fleet", ...raw }), artifacts),
        outputsOf,
      );
      return resources
        .filter(({ type }) => /:(CertificateAuthority|Certificate)$/.test(type))
        .filter(({ name }) => /^internal$|-balanced$|-postgresql$/.test(name))
        .map(({ urn, inputs }) => [urn, JSON.stringify(inputs)]);
    };
    const before = await internal({});
    expect(before).toHaveLength(4);
    for (const [urn, inputs] of before.slice(1)) expect(inputs, urn).toContain("certificate of internal");
    expect(await internal(named)).toEqual(before);
  });

  it("leaves no secret unwrapped in any input", () => {
    for (const { urn, inputs } of [...onLocal, ...onReal]) {
      expect(`${urn} ${JSON.stringify(withoutSecrets(inputs))}`).not.toMatch(/SENTINEL|SCRAM-SHA-256\$/);
    }
    // The sentinels are there, or the test would see nothing.
    expect(JSON.stringify(onLocal.map(({ inputs }) => inputs))).toMatch(/SENTINEL password database/);
    const released = JSON.stringify(onReal.find(({ type }) => type.endsWith(":Release"))?.inputs);
    expect(released).toMatch(/SMS_GATEWAY.*https:\/\/sms.*SMS_WEBHOOK_SECRET.*whsec_SENTINEL/);
    expect(released).toMatch(/IMAGES_SECRET_KEY.*SENTINEL-IMAGES-SECRET-KEY/);
  });

  it("labels what Hetzner lets us label", () => {
    const labelled = onReal.filter(
      ({ type }) => type.startsWith("hcloud:") && !/Subnet|ServerNetwork/.test(type),
    );
    expect(labelled.length).toBe(6);
    for (const { inputs } of labelled) expect(inputs["labels"]).toMatchObject({ "dukaan-stack": "test" });
  });
});

function serverOf(resources: RecordedResource[]): RecordedResource | undefined {
  return resources.find(({ type }) => type === "hcloud:index/server:Server");
}

/** Pulumi's wrapper of a secret on the wire. */
const signature = "4dabf18193072939515e22adb298388d";

function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== "object" || value === null) return value;
  if (signature in value) return "secret";
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withoutSecrets(part)]));
}
