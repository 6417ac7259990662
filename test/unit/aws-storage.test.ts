import { beforeAll, describe, expect, it } from "vitest";
import { parseSettings } from "../../src/settings/parse.js";
import { onlyAws, recordOnAws, statementsOf, tableOf } from "./on-aws.js";
import { onThisComputer, short } from "./provisioned.js";
import type { RecordedResource } from "./record-resources.js";

const own = { "dukaan:backup": "own", "dukaan:images": "own" };

let recorded: RecordedResource[];

beforeAll(async () => {
  recorded = await recordOnAws(own);
});

const ofType = (type: string, resources = recorded) => resources.filter((one) => short(one.type) === type);
const named = (name: string) => recorded.find((one) => one.name === name && one.type.startsWith("dukaan:"));

describe("buckets of a stack's own on AWS", () => {
  it("are what their table says", async () => {
    const about = /aws:(s3|kms|iam)\/|vpcEndpoint/;
    const table = tableOf(onlyAws(recorded).filter(({ type }) => about.test(type)));
    await expect(table).toMatchFileSnapshot("aws-storage.txt");
  });

  it("are private, encrypted with a key that is renewed, and protected, under the same parents at every stage", async () => {
    const buckets = ofType("Bucket");
    expect(buckets.map(({ name, protect }) => [name, protect])).toEqual([
      ["dukaan-test-backups", true],
      ["dukaan-test-images", true],
    ]);
    for (const { name, chain, inputs } of buckets) {
      expect(chain.map(short)).toEqual(["Environment", "ObjectStorage"]);
      expect(inputs).not.toHaveProperty("forceDestroy");
      const about = (type: string) => ofType(type).find((one) => one.inputs["bucket"] === name)?.inputs;
      expect(about("BucketPublicAccessBlock")).toMatchObject({
        blockPublicAcls: true,
        blockPublicPolicy: true,
        ignorePublicAcls: true,
        restrictPublicBuckets: true,
      });
      expect(about("BucketServerSideEncryptionConfiguration")).toMatchObject({
        rules: [
          {
            applyServerSideEncryptionByDefault: { sseAlgorithm: "aws:kms", kmsMasterKeyId: "arn/storage" },
            bucketKeyEnabled: true,
          },
        ],
      });
    }
    expect(ofType("Key")).toMatchObject([
      { protect: true, inputs: { enableKeyRotation: true, deletionWindowInDays: 30 } },
    ]);
    const urns = (resources: RecordedResource[]) => ofType("Bucket", resources).map(({ urn }) => urn);
    expect(urns(await recordOnAws({ ...own, "dukaan:stage": "fleet" }))).toEqual(urns(recorded));
  });

  it("stay with their key when the stack goes, closed as they were: nothing else does", () => {
    const kinds = new Set(recorded.filter(({ retained }) => retained).map(({ type }) => short(type)));
    const ofBuckets = onlyAws(recorded).filter(({ type }) => /aws:(s3|kms)\//.test(type));
    for (const { name, type, retained } of ofBuckets)
      expect(retained, `${type} ${name}`).toBe(short(type) !== "Alias");
    expect([...kinds].filter((kind) => !kind.startsWith("Bucket"))).toEqual(["Key"]);
  });

  it("keep what was deleted or overwritten for a month where backups are, and no remains of uploads", () => {
    expect(ofType("BucketVersioning").map(({ inputs }) => inputs)).toEqual([
      { bucket: "dukaan-test-backups", versioningConfiguration: { status: "Enabled" } },
    ]);
    expect(ofType("BucketLifecycleConfiguration").map(({ inputs }) => inputs)).toMatchObject([
      {
        bucket: "dukaan-test-backups",
        rules: [
          {
            status: "Enabled",
            abortIncompleteMultipartUpload: { daysAfterInitiation: 7 },
            noncurrentVersionExpiration: { noncurrentDays: 30 },
            expiration: { expiredObjectDeleteMarker: true },
          },
        ],
      },
      {
        bucket: "dukaan-test-images",
        rules: [{ abortIncompleteMultipartUpload: { daysAfterInitiation: 7 } }],
      },
    ]);
  });

  it("are reached from the stack's network, by a way inside it that all its subnets have", () => {
    expect(ofType("VpcEndpoint").map(({ inputs }) => inputs)).toMatchObject([
      {
        vpcId: "Vpc/us-east-1",
        vpcEndpointType: "Gateway",
        serviceName: "com.amazonaws.us-east-1.s3",
        routeTableIds: ofType("RouteTable").map(({ name }) => `RouteTable/${name}`),
      },
    ]);
    expect(ofType("RouteTable").length).toBeGreaterThan(0);
  });

  it("make their keys known to the program that uses them alone, as secrets", () => {
    const backups = JSON.stringify(named("app-1-backup")?.inputs);
    expect(backups).toContain("repo1-s3-key=SENTINEL-KEY-OF-backups");
    expect(backups).toContain("repo1-s3-bucket=dukaan-test-backups");
    expect(backups).toContain("bucket=https://s3.us-east-1.amazonaws.com/dukaan-test-backups");
    const release = named("app-1-api")?.inputs;
    expect(JSON.stringify(release)).toContain("SENTINEL-SECRET-OF-images");
    for (const { name, inputs } of recorded) {
      // Pulumi's mark of a secret goes around it.
      const clear = JSON.stringify(withoutSecrets(inputs));
      expect(clear, name).not.toContain("SENTINEL-");
    }
    const knownTo = (key: string) =>
      recorded.filter(({ inputs }) => JSON.stringify(inputs).includes(key)).map(({ name }) => name);
    expect(knownTo("OF-images")).toEqual(["app-1-api"]);
    expect(knownTo("OF-backups")).toEqual(["app-1-backup"]);
  });

  it("are the backups' history and the app's pictures only when they are there and closed", () => {
    const before = ["BucketPublicAccessBlock", "BucketServerSideEncryptionConfiguration", "BucketPolicy"];
    for (const [user, bucket] of [
      ["app-1-backup", "backups"],
      ["app-1-api", "images"],
    ] as const) {
      const urns = [...before, "UserPolicy"].map(
        (type) => ofType(type).find(({ name }) => name === bucket)?.urn,
      );
      expect(named(user)?.dependencies).toEqual(expect.arrayContaining(urns));
    }
  });
});

describe("what may be done with IAM", () => {
  it("is these statements and no others", async () => {
    await expect(statementsOf(recorded)).toMatchFileSnapshot("aws-statements.txt");
    expect(ofType("UserPolicy").map(({ name }) => name)).toEqual(["backups", "images"]);
    const granting = /aws:iam\/(?!user:|userPolicy:|accessKey:)/;
    expect(recorded.filter(({ type }) => granting.test(type))).toEqual([]);
  });

  it("names actions, and of resources no more than one bucket's objects; from one network, or by way of S3", () => {
    for (const { name, inputs } of ofType("UserPolicy")) {
      const { Statement: statements } = JSON.parse(inputs["policy"] as string) as {
        Statement: { Action: string[]; Resource: string; Condition: Record<string, unknown> }[];
      };
      for (const { Action: actions, Resource: resource, Condition: condition } of statements) {
        expect(actions.join()).not.toContain("*");
        expect(resource).toMatch(
          new RegExp(`^(arn:aws:s3:::dukaan-test-${name}(/test)?(/\\*)?|arn/storage)$`),
        );
        const allowed = { "aws:SourceVpc": "Vpc/us-east-1" };
        const byS3 = { "kms:ViaService": "s3.us-east-1.amazonaws.com" };
        expect(condition).toEqual({ StringEquals: resource === "arn/storage" ? byS3 : allowed });
      }
    }
  });

  it("is nothing where no bucket is the stack's own", async () => {
    const resources = await recordOnAws();
    expect(resources.filter(({ type }) => /^aws:(iam|s3|kms)|vpcEndpoint/.test(type))).toEqual([]);
  });
});

describe("dukaan:backup and dukaan:images", () => {
  it("may be own on AWS alone", () => {
    const { problems = [] } = parseSettings("lab", {
      ...onThisComputer,
      ...own,
      "hcloud:token": "t".repeat(64),
    });
    expect(problems.map(({ path, reason }) => `${path} ${reason}`)).toEqual([
      "dukaan:backup is own, and only on AWS a stack makes buckets of its own",
      "dukaan:images is own, and only on AWS a stack makes buckets of its own",
    ]);
  });

  it("name own among what can be said on AWS", () => {
    const raw = { "dukaan:provider": "aws", "dukaan:location": "us-east-1", "dukaan:sms": "log" };
    const { problems = [] } = parseSettings("shop", raw);
    const remedies = Object.fromEntries(problems.map(({ path, remedy }) => [path, remedy]));
    expect(remedies["dukaan:backup"]).toContain('"own" for one that the stack makes');
    expect(remedies["dukaan:images"]).toContain('"own" for one that the stack makes');
  });

  it("may mix: pictures of the stack's own, backups elsewhere", async () => {
    const elsewhere = {
      endpoint: "https://nbg1.your-objectstorage.com",
      region: "nbg1",
      bucket: "shop-backups",
      accessKey: "ACCESS",
      secretKey: "SECRET-KEY",
    };
    const resources = await recordOnAws({ "dukaan:backup": elsewhere, "dukaan:images": "own" });
    expect(ofType("Bucket", resources).map(({ name }) => name)).toEqual(["dukaan-test-images"]);
    expect(JSON.stringify(resources.find(({ name }) => name === "app-1-backup")?.inputs)).toContain(
      "repo1-s3-bucket=shop-backups",
    );
  });
});

/** What is on the wire in the clear. */
function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== "object" || value === null) return value;
  if ("4dabf18193072939515e22adb298388d" in value) return "secret";
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutSecrets(inner)]));
}
