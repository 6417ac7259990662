import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AwsClient } from "aws4fetch";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { releaseHold, rollback } from "../../src/cli/commands/rollback.js";
import { readOutputs } from "../../src/cli/pulumi.js";
import type { Session } from "../../src/cli/session.js";
import { AppServer } from "./app-server.js";
import { type Emulator, startEmulator } from "./emulator.js";
import { type Config, Stack } from "./stack.js";

// A rollback with a group of app servers, from the command to AWS, by Pulumi's engine and the plugin against an emulator of
// AWS. The server beside the group is a folder: nothing boots there.

const settings: Config = {
  "dukaan:provider": "aws",
  "dukaan:location": "us-east-1",
  "dukaan:stage": "fleet",
  "dukaan:managed": true,
  "dukaan:loadBalancer": "managed",
  "dukaan:appServers": 2,
  "dukaan:appServersMost": 4,
  "dukaan:backup": "none",
  "dukaan:images": "none",
  "dukaan:sms": "log",
};

let session: Session;
vi.mock(import("../../src/cli/session.js"), async (actual) => ({
  ...(await actual()),
  openSession: () => Promise.resolve(session),
}));
// There is no shop.
vi.mock(import("../../src/cli/shop.js"), async (actual) => ({
  ...(await actual()),
  smokeTest: () => Promise.resolve(),
}));

let folder: string;
let emulator: Emulator;
let stack: Stack;
let server: AppServer;
const inFolder = (...names: string[]) => join(folder, ...names);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dukaan-rollback-"));
  await mkdir(inFolder("machine"));
  server = await AppServer.make(inFolder("machine"));
  emulator = await startEmulator("us-east-1");
  stack = await Stack.make(
    emulator,
    {},
    {
      DUKAAN_API_BUNDLE: inFolder("built"),
      DUKAAN_BUNDLES: inFolder("kept"),
    },
  );
  session = stack.session;
  vi.stubEnv("PATH", `${server.path}:${process.env["PATH"]}`);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await stack.remove();
  await emulator.stop();
  await rm(folder, { recursive: true, force: true });
});

const digestOf = (name: string) => createHash("sha256").update(name).digest("hex");

/** As a build leaves the app; and as `up` keeps what it deploys. */
async function build(name: string): Promise<void> {
  for (const bundle of [inFolder("built"), inFolder("kept", digestOf(name))]) {
    await mkdir(bundle, { recursive: true });
    await writeFile(join(bundle, "main.js"), `// release ${name}\n`);
  }
  await writeFile(`${inFolder("built")}.json`, JSON.stringify({ digest: digestOf(name) }));
}

/** `up`, and what the server beside the group has then. @returns the release */
async function deploy(config: Config, bundle: string): Promise<string> {
  await stack.up(config);
  const { release } = await readOutputs(session.pulumi, { secrets: false });
  await server.deploy(String(release), digestOf(bundle));
  return String(release);
}

interface Group {
  LaunchTemplate: { LaunchTemplateId: string; Version: string };
  Instances: { LaunchTemplate: { Version: string }; LifecycleState: string }[];
}

interface Refresh {
  Status: string;
  DesiredConfiguration: { LaunchTemplate: { Version: string } };
  Preferences: { AlarmSpecification?: { Alarms: string[] } };
}

/** What AWS has of the group: what new machines are made by, what serves, their package, and the refreshes, latest first. */
async function group() {
  const name = "dukaan-test-app-group";
  const { AutoScalingGroups } = await emulator.ask<{ AutoScalingGroups: Group[] }>(
    "autoscaling",
    "describe_auto_scaling_groups",
    { AutoScalingGroupNames: [name] },
  );
  const { LaunchTemplate, Instances } = AutoScalingGroups[0]!;
  const { LaunchTemplateVersions } = await emulator.ask<{
    LaunchTemplateVersions: { LaunchTemplateData: { UserData: string } }[];
  }>("ec2", "describe_launch_template_versions", {
    LaunchTemplateId: LaunchTemplate.LaunchTemplateId,
    Versions: [LaunchTemplate.Version],
  });
  const script = Buffer.from(LaunchTemplateVersions[0]!.LaunchTemplateData.UserData, "base64").toString();
  const valueOf = (variable: string) => new RegExp(`^${variable}='([^']*)'`, "m").exec(script)?.[1] ?? "";
  const { InstanceRefreshes } = await emulator.ask<{ InstanceRefreshes: Refresh[] }>(
    "autoscaling",
    "describe_instance_refreshes",
    { AutoScalingGroupName: name },
  );
  return {
    version: LaunchTemplate.Version,
    serving: Instances.map((one) => `${one.LifecycleState} ${one.LaunchTemplate.Version}`),
    bucket: valueOf("bucket"),
    digest: valueOf("digest"),
    package: valueOf("package"),
    refreshes: InstanceRefreshes.map(({ Status, DesiredConfiguration, Preferences }) => ({
      status: Status,
      version: DesiredConfiguration.LaunchTemplate.Version,
      alarms: Preferences.AlarmSpecification?.Alarms ?? [],
    })),
  };
}

const alarm = "dukaan-test-app-group-failures";

async function setAlarm(StateValue: "OK" | "ALARM"): Promise<void> {
  const about = { AlarmName: alarm, StateValue, StateReason: "a test" };
  await emulator.ask("cloudwatch", "set_alarm_state", about);
}

/** SHA-256 of what lies in the bucket under that name. */
async function storedDigest({ bucket, package: key }: Awaited<ReturnType<typeof group>>): Promise<string> {
  const keys = { accessKeyId: "testing", secretAccessKey: "testing" };
  const client = new AwsClient({ ...keys, region: "us-east-1", service: "s3", retries: 0 });
  const answer = await client.fetch(`${emulator.endpoint}/${bucket}/${key}`);
  expect(answer.status).toBe(200);
  return createHash("sha256")
    .update(Buffer.from(await answer.arrayBuffer()))
    .digest("hex");
}

/** What the command prints. */
async function rolledBack(): Promise<Record<string, unknown>> {
  const printed: string[] = [];
  const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed.push(String(text));
    return true;
  });
  try {
    await rollback({ stack: "test", json: true });
  } finally {
    write.mockRestore();
  }
  return JSON.parse(printed.join(""));
}

let first: Awaited<ReturnType<typeof group>>;
let second: Awaited<ReturnType<typeof group>>;
let releases: [string, string];

test("a release comes to the group by a package and a refresh", async () => {
  await build("A");
  const a = await deploy(settings, "A");
  first = await group();
  expect(first.serving).toEqual(["InService 1"]);
  expect(await storedDigest(first)).toBe(first.digest);
  await build("B");
  const b = await deploy(settings, "B");
  second = await group();
  expect(second).toMatchObject({ version: "2", serving: ["InService 2"] });
  expect(await storedDigest(second)).toBe(second.digest);
  expect(second.digest).not.toBe(first.digest);
  releases = [a, b];
});

test("a rollback to what is not on this computer any more is refused, and changes nothing", async () => {
  const kept = inFolder("kept", digestOf("A"));
  await rename(kept, inFolder("elsewhere"));
  const before = await server.asked();
  await expect(rollback({ stack: "test" })).rejects.toMatchObject({
    message: expect.stringMatching(
      new RegExp(`bundle ${digestOf("A").slice(0, 12)}, which is not on this computer.*Nothing was changed`),
    ),
    remedy: expect.stringContaining(`bring ${digestOf("A")} from there to ${inFolder("kept")}`),
  });
  expect((await server.asked()).slice(before.length)).toEqual([
    `'/usr/local/lib/dukaan/fall-back-release' 'earlier' 'api' '${releases[1]}'`,
  ]);
  expect(await server.serves()).toBe(digestOf("B"));
  expect(await group()).toEqual(second);
  expect(await stack.configured()).not.toHaveProperty("dukaan:release");
  expect(await stack.preview(settings)).toEqual([]);
  await rename(inFolder("elsewhere"), kept);
});

test("a rollback brings the server, the group, its package and the stack to the release before", async () => {
  // Packages that are too old are taken away: it is made anew.
  const gone = { Bucket: first.bucket, Key: first.package };
  await emulator.ask("s3", "delete_object", gone);
  // The bad release has raised it.
  await setAlarm("ALARM");
  const told = await rolledBack();
  expect(told).toMatchObject({ release: releases[0], left: [] });
  expect(await server.serves()).toBe(digestOf("A"));

  const back = await group();
  expect(back).toMatchObject({ version: "3", serving: ["InService 3"] });
  expect([back.digest, back.package]).toEqual([first.digest, first.package]);
  expect(await storedDigest(back)).toBe(first.digest);
  // It waits for no alarm: what is to end may be what raises it.
  expect(back.refreshes[0]).toEqual({ status: "Successful", version: "3", alarms: [] });
  expect(back.refreshes[1]).toMatchObject({ version: "2", alarms: [alarm] });
  expect(await readOutputs(session.pulumi, { secrets: false })).toMatchObject({
    release: releases[0],
    held: digestOf("A"),
  });
});

test("what comes after it stays at that release, until the latest is asked for", async () => {
  const held = await stack.configured();
  expect(held).toMatchObject({ "dukaan:stage": "fleet", "dukaan:release": digestOf("A") });
  const before = await group();
  expect(await stack.preview(held)).toEqual([]);
  expect(await stack.up(held)).toEqual([]);
  expect(await group()).toEqual(before);

  await setAlarm("OK");
  await releaseHold(session);
  const free = await stack.configured();
  expect(Object.keys(free).toSorted()).toEqual(Object.keys(settings).toSorted());
  // What was left is deployed again: the server is told so.
  expect((await server.asked()).at(-1)).toBe("'rm' '-f' '/opt/dukaan/releases/api/.failed'");
  expect(await deploy(free, "B")).toBe(releases[1]);
  const latest = await group();
  expect(latest).toMatchObject({ version: "4", digest: second.digest, serving: ["InService 4"] });
  expect(latest.refreshes[0]).toMatchObject({
    status: "Successful",
    version: "4",
    alarms: [alarm],
  });
  expect(await readOutputs(session.pulumi, { secrets: false })).not.toHaveProperty("held");
});
