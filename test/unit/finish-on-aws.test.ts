import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { upAtStage } from "../../src/cli/evolution.js";
import { finishSteps } from "../../src/cli/evolution-steps.js";
import { requireSettings } from "../../src/cli/settings.js";
import { planEvolution } from "../../src/evolve/plan.js";
import { recordOnAws, settingsOnAws } from "./on-aws.js";
import { artifacts } from "./provisioned.js";

/** The checkout while the program is recorded; then a folder with the settings of a stack of the test's own. */
const { root } = vi.hoisted(() => ({ root: { folder: "" } }));
vi.mock(import("../../src/project.js"), async (actual) => {
  root.folder = (await actual()).projectRoot;
  return {
    get projectRoot() {
      return root.folder;
    },
  };
});

/**
 * In Pulumi's place: keeps settings and state in files, protects the load balancer as AWS does, and notes each update.
 * Where there is a file `fail`, the next one that would take the load balancer away ends before that.
 */
const pulumi = `#!${process.execPath}
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
const args = process.argv.slice(2).filter((word) => word !== "--non-interactive");
const read = (file) => JSON.parse(readFileSync(file, "utf8"));
const write = (file, value) => writeFileSync(file, JSON.stringify(value));
const end = (message) => { console.error(message); process.exit(1); };
const { config } = read("Pulumi.shop.yaml");
const { resources } = read("state.json").deployment;
const save = (left) => write("state.json", { version: 3, deployment: { resources: left } });
const [command, what, ...rest] = args;
if (command === "stack") console.log(JSON.stringify(read("state.json")));
if (command === "config") {
  if (what === "set") config[rest[0]] = rest[1]; else delete config[rest[0]];
  write("Pulumi.shop.yaml", { config });
}
if (command === "state")
  save(resources.map((one) => (rest.includes(one.urn) ? { ...one, protect: false } : one)));
if (command === "up") {
  const targets = args.filter((word, at) => args[at - 1] === "--target");
  const letGo = process.env.DUKAAN_LET_GO ?? "no";
  const has = config["dukaan:leaving"] === "fleet";
  appendFileSync("updates", JSON.stringify({ letGo, has, targets: targets.map((urn) => urn.split("::").at(-1)) }) + "\\n");
  const balancer = resources.find(({ type }) => type === "aws:lb/loadBalancer:LoadBalancer");
  if (has) {
    balancer.inputs.enableDeletionProtection = letGo !== "yes";
    save(resources);
  } else {
    if (existsSync("fail")) { rmSync("fail"); end("the network is down"); }
    if (balancer.protect) end("load-balancer cannot be deleted because it is protected");
    if (balancer.inputs.enableDeletionProtection) end("OperationNotPermitted: deletion protection is enabled");
    save(resources.filter((one) => one !== balancer));
  }
}
`;

const atFleet = {
  "dukaan:stage": "fleet",
  "dukaan:loadBalancer": "managed",
  "dukaan:managed": true,
  "dukaan:appServers": 1,
};
const written = { ...atFleet, "dukaan:stage": "split", "dukaan:leaving": "fleet" };
const evolution = planEvolution(settingsOnAws(atFleet), "split");
const balancer = "aws:lb/loadBalancer:LoadBalancer";

let resources: object[];
beforeAll(async () => {
  resources = await recordOnAws(written);
});

beforeEach(async () => {
  root.folder = await mkdtemp(join(tmpdir(), "dukaan-finish-"));
  const own = { "dukaan:provider": "aws", "dukaan:location": "us-east-1" };
  const none = { "dukaan:backup": "none", "dukaan:images": "none", "dukaan:sms": "log" };
  await write("Pulumi.shop.yaml", { config: { ...own, ...none, ...written } });
  await write("state.json", { version: 3, deployment: { resources } });
  await mkdir(join(root.folder, "dist/bundles"), { recursive: true });
  await write("dist/bundles/api.json", { digest: artifacts.api.digest });
  await writeFile(join(root.folder, "pulumi.mjs"), pulumi);
  await chmod(join(root.folder, "pulumi.mjs"), 0o755);
});
afterEach(() => rm(root.folder, { recursive: true }));

const write = (file: string, value: unknown) =>
  writeFile(join(root.folder, file), JSON.stringify(value, undefined, 1));
const read = async (file: string) => JSON.parse(await readFile(join(root.folder, file), "utf8"));
const updates = async () =>
  (await readFile(join(root.folder, "updates"), "utf8").catch(() => ""))
    .trim()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as unknown);
const stateOf = async (type: string) =>
  (await read("state.json")).deployment.resources.find((one: { type: string }) => one.type === type);

function session() {
  const stack = {
    name: "shop",
    local: false,
    instance: "shop",
    directory: join(root.folder, "own"),
    configFile: join(root.folder, "Pulumi.shop.yaml"),
  };
  return { stack, pulumi: { executable: join(root.folder, "pulumi.mjs"), env: {}, stack } };
}
const finish = () => upAtStage(session(), evolution.settings.finished, () => undefined);

const letGo = { letGo: "yes", has: true, targets: ["load-balancer"] };
const takesAway = { letGo: "no", has: false, targets: [] };

describe("the end of a move back from AWS's load balancer", () => {
  it("has AWS let go of it while the settings still have it, and of nothing else, then takes it away", async () => {
    await finish();
    expect(await updates()).toEqual([letGo, takesAway]);
    expect(await stateOf(balancer)).toBeUndefined();
    expect(await stateOf("aws:rds/instance:Instance")).toMatchObject({
      protect: true,
      inputs: { deletionProtection: true },
    });
    expect((await read("Pulumi.shop.yaml")).config).not.toHaveProperty("dukaan:leaving");
  });

  it.each([
    ["dukaan:location", "eu-west-2", /the location would change from aws\/us-east-1 to aws\/eu-west-2/],
    ["dukaan:appServers", 99, /dukaan:appServers/],
  ])("changes nothing where it could not go through: %s is %j by now", async (key, value, reason) => {
    const { config } = await read("Pulumi.shop.yaml");
    await write("Pulumi.shop.yaml", { config: { ...config, [key]: value } });
    await expect(finish()).rejects.toThrow(reason);
    expect(await updates()).toEqual([]);
    expect((await read("Pulumi.shop.yaml")).config).toHaveProperty("dukaan:leaving", "fleet");
    expect(await stateOf(balancer)).toMatchObject({
      protect: true,
      inputs: { enableDeletionProtection: true },
    });
  });

  it("is refused where the settings have lost it: an update would reach it no more", async () => {
    const { config } = await read("Pulumi.shop.yaml");
    await write("Pulumi.shop.yaml", { config: { ...config, "dukaan:leaving": undefined } });
    await expect(finish()).rejects.toMatchObject({
      message: expect.stringMatching(
        /^AWS protects load-balancer from deletion.*nothing was changed$/,
      ) as string,
      remedy: expect.stringContaining("dukaan:leaving") as string,
      exitCode: 4,
    });
    expect(await updates()).toEqual([]);
  });

  it("goes on where it was cut off, also with no machine left that would show it", async () => {
    await writeFile(join(root.folder, "fail"), "");
    await expect(finish()).rejects.toThrow("the network is down");
    const again = session();
    const titles: string[] = [];
    const settings = await requireSettings(again.stack);
    expect(settings).toMatchObject({ stage: "split" });
    for (const { run } of finishSteps(planEvolution(settings, "split"), settings))
      await run(
        { session: again },
        () => undefined,
        (title) => titles.push(title),
      );
    expect(titles).toEqual(["An earlier run was cut off while it removed what was kept"]);
    expect(await updates()).toEqual([letGo, takesAway, takesAway]);
    expect(await stateOf(balancer)).toBeUndefined();
  });
});
