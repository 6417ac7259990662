import { X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { letGoVariable } from "../../src/protection.js";
import { databaseAuthority } from "../../src/platform/aws/database-authority.js";
import { awsLocations } from "../../src/topology/aws-catalog.js";
import { databaseHost, onlyAws, recordOnAws, statefulOnAws, tableOf } from "./on-aws.js";
import { short } from "./provisioned.js";
import type { RecordedResource } from "./record-resources.js";

const stages = ["split", "fleet"] as const;
const managed = { "dukaan:managed": true };

const recorded = {} as Record<(typeof stages)[number], RecordedResource[]>;
let selfRun: RecordedResource[];

beforeAll(async () => {
  // The recorder records one program at a time.
  for (const stage of stages) recorded[stage] = await recordOnAws({ ...managed, "dukaan:stage": stage });
  selfRun = await recordOnAws({ "dukaan:stage": "split" });
});

/** Pulumi's mark of a secret. */
const signature = "4dabf18193072939515e22adb298388d";

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  if (signature in value) return "secret";
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]));
}

const ofType = (resources: readonly RecordedResource[], type: string) =>
  resources.filter((resource) => resource.type === type);
const database = (resources: readonly RecordedResource[]) =>
  ofType(resources, "aws:rds/instance:Instance")[0]!;
const urnsOf = (resources: readonly RecordedResource[]) => new Set(onlyAws(resources).map(({ urn }) => urn));

describe("a stack whose database AWS runs", () => {
  it.each(stages)("is at stage %s what its table says", async (stage) => {
    await expect(tableOf(onlyAws(recorded[stage]))).toMatchFileSnapshot(`aws-${stage}-managed.txt`);
  });

  it("has the database, and no machine for it with its addresses and rules; the rest is as without", () => {
    const [before, after] = [urnsOf(selfRun), urnsOf(recorded.split)];
    const gone = [...before].filter((urn) => !after.has(urn)).map((urn) => urn.split("::").at(-1)!);
    expect(gone.length).toBeGreaterThan(10);
    expect(gone).toEqual(
      gone.map(() => expect.stringMatching(/database-1|database-(in|out)-|-22-database$/) as string),
    );
    const come = [...after].filter((urn) => !before.has(urn)).map((urn) => urn.split("::")[2]);
    expect(come).toEqual(
      come.map(
        () =>
          expect.stringMatching(/^dukaan:index:Environment\$dukaan:index:ManagedDatabase\$aws:/) as string,
      ),
    );
    expect(come).toHaveLength(6);
  });

  it("keeps it and all that is stateful from split to fleet, unchanged", () => {
    const inputsOf = (resources: RecordedResource[]) =>
      new Map(
        resources
          .filter(({ type }) => statefulOnAws.includes(type) || type.startsWith("aws:rds/"))
          .map(({ urn, inputs }) => [urn, JSON.stringify(inputs)]),
      );
    const [split, fleet] = [inputsOf(recorded.split), inputsOf(recorded.fleet)];
    for (const [urn, inputs] of split) expect(fleet.get(urn), urn).toBe(inputs);
    expect([...split.keys()].filter((urn) => urn.includes("ManagedDatabase"))).toHaveLength(4);
  });

  it("protects it and its key, and has AWS refuse to delete it and keep copies when it is deleted", () => {
    const key = ofType(recorded.split, "aws:kms/key:Key")[0]!;
    expect([database(recorded.split).protect, key.protect]).toEqual([true, true]);
    // The copies can be read with it alone.
    expect([database(recorded.split).retained, key.retained]).toEqual([false, true]);
    expect(key.inputs).toMatchObject({ enableKeyRotation: true });
    expect(database(recorded.split).inputs).toMatchObject({
      deletionProtection: true,
      skipFinalSnapshot: false,
      deleteAutomatedBackups: false,
      storageEncrypted: true,
      publiclyAccessible: false,
    });
  });

  it("is let go by an update when somebody has said that it may go", async () => {
    vi.stubEnv(letGoVariable, "yes");
    const resources = await recordOnAws({ ...managed, "dukaan:stage": "split" });
    vi.unstubAllEnvs();
    expect(database(resources).protect).toBe(false);
    expect({ ...database(resources).inputs, deletionProtection: true }).toEqual(
      database(recorded.split).inputs,
    );
    expect(onlyAws(resources).filter(({ protect }) => protect)).toEqual([]);
  });

  it("is in both zones, reached by the app alone, at the port of PostgreSQL alone", () => {
    const [group] = ofType(recorded.split, "aws:rds/subnetGroup:SubnetGroup");
    expect(group?.inputs["subnetIds"]).toEqual([
      "Subnet/us-east-1-database-a",
      "Subnet/us-east-1-database-b",
    ]);
    const rules = onlyAws(recorded.split).filter(
      ({ inputs }) => inputs["securityGroupId"] === "SecurityGroup/us-east-1-database",
    );
    expect(
      rules.map(({ type, inputs }) => [short(type), inputs["fromPort"], inputs["referencedSecurityGroupId"]]),
    ).toEqual([["SecurityGroupIngressRule", 5432, "SecurityGroup/us-east-1-app"]]);
  });

  it("has no secret in the clear in any input", () => {
    const text = JSON.stringify(recorded.fleet.map(({ urn, inputs }) => [urn, plain(inputs)]));
    expect(text).not.toMatch(/SENTINEL|SCRAM-SHA-256\$/);
    // They are there, or the test would see nothing.
    expect(JSON.stringify(database(recorded.fleet).inputs["password"])).toContain(
      "SENTINEL password database-master",
    );
  });

  it("is set up from one machine of the app, before the app is released anywhere", () => {
    const roles = recorded.fleet.filter(({ name }) => name.endsWith("-managed-database"));
    expect(roles.map(({ name }) => name)).toEqual(["app-1-managed-database"]);
    for (const release of ["app-1-api", "app-2-api"]) {
      const found = recorded.fleet.find(({ type, name }) => type.endsWith(":Release") && name === release);
      expect(JSON.stringify(found?.inputs["after"])).toContain("digest of app-1-managed-database");
    }
    const others = recorded.fleet.filter(({ type }) => type === "dukaan:index:Role").map(({ name }) => name);
    expect(others.filter((name) => /-(postgresql|backup)$/.test(name))).toEqual([]);
  });

  it("is reached by its name, with TLS, by the pool and by migrations", () => {
    const inputsOf = (name: string) =>
      JSON.stringify(recorded.fleet.find((one) => one.name === name)?.inputs);
    expect(inputsOf("app-2-pgbouncer")).toContain(`shop = host=${databaseHost} port=5432`);
    const release = recorded.fleet.find(
      ({ type, name }) => type.endsWith(":Release") && name === "app-1-api",
    );
    expect(JSON.stringify(release?.inputs)).toContain(
      `host=${databaseHost}&port=5432&sslmode=verify-full&sslrootcert=/etc/dukaan/database-ca.pem`,
    );
    const pem = JSON.stringify(databaseAuthority("us-east-1")).slice(1, -1);
    expect(inputsOf("app-2-pgbouncer")).toContain(pem);
    expect(inputsOf("app-1-managed-database")).toContain(pem);
  });

  it("has a standby, backups and room as the settings say", async () => {
    const more = { "dukaan:multiAz": false, "dukaan:backupDays": 14, "dukaan:databaseVolume": 100 };
    const resources = await recordOnAws({
      ...managed,
      ...more,
      "dukaan:stage": "split",
      "dukaan:databaseServerType": "t4g.medium",
    });
    expect(database(resources).inputs).toMatchObject({
      multiAz: false,
      backupRetentionPeriod: 14,
      allocatedStorage: 100,
      instanceClass: "db.t4g.medium",
    });
  });
});

describe("the authority of databases", () => {
  it.each(awsLocations.map(({ name }) => name))("is known for %s, and good for years", (region) => {
    const pem = databaseAuthority(region);
    const certificate = new X509Certificate(pem);
    expect(certificate.subject.split("\n")).toContain(`CN=Amazon RDS ${region} Root CA RSA2048 G1`);
    expect(certificate.ca).toBe(true);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(Date.parse(certificate.validTo)).toBeGreaterThan(Date.parse("2060-01-01"));
    expect(pem).toMatch(/^-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----\n$/);
  });

  it("is the one that AWS publishes", () => {
    // Of https://truststore.pki.rds.amazonaws.com/us-east-1/us-east-1-bundle.pem, as several public programs carry it.
    expect(new X509Certificate(databaseAuthority("us-east-1")).fingerprint256).toBe(
      "E4:CE:41:D0:69:F4:BD:CD:B7:14:25:90:58:96:1E:E4:2E:D1:8C:F2:BF:62:7A:3D:64:7A:FF:25:43:7D:4B:68",
    );
  });

  it("is not made up for a region that there is not", () => {
    expect(() => databaseAuthority("mars-north-1")).toThrow("no authority of databases in mars-north-1");
  });
});
