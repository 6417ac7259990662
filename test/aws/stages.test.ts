import { beforeAll, expect, test } from "vitest";
import { planEvolution } from "../../src/evolve/plan.js";
import type { Stage } from "../../src/topology/stages.js";
import { expectAsDeclared } from "./declared.js";
import { prepareEmulator, startEmulator } from "./emulator.js";
import { Account, type Inventory } from "./inventory.js";
import { type Config, Stack } from "./stack.js";

// Stacks on AWS by Pulumi's engine and the plugin, against an emulator of AWS. What that cannot show is in docs/aws.md.

const region = "us-east-1";

const common: Config = {
  "dukaan:provider": "aws",
  "dukaan:location": region,
  "dukaan:backup": "none",
  "dukaan:images": "none",
  "dukaan:sms": "log",
};

/** A stack, and a change of its settings. A line more for another way to build a stage. */
interface Variant {
  title: string;
  settings: Config;
  change: Config;
  /** What that does at AWS. */
  does: readonly string[];
}

const thirdAppServer = [
  "create aws:ec2/eip:Eip app-3-ipv4",
  "create aws:ec2/eipAssociation:EipAssociation app-3-ipv4",
  "create aws:ec2/instance:Instance app-3",
  "create aws:ec2/networkInterface:NetworkInterface app-3",
];

const variants: readonly Variant[] = [
  {
    title: "droplet",
    settings: { "dukaan:stage": "droplet" },
    change: { "dukaan:serverType": "t3.large" },
    does: ["update aws:ec2/instance:Instance app-1: instanceType, publicDns, publicIp"],
  },
  {
    title: "split with a NAT instance and a volume",
    settings: { "dukaan:stage": "split", "dukaan:nat": "instance", "dukaan:databaseVolume": 20 },
    change: { "dukaan:databaseVolume": 30 },
    does: ["update aws:ebs/volume:Volume database-1-data: size"],
  },
  {
    title: "fleet with NAT gateways",
    settings: { "dukaan:stage": "fleet", "dukaan:nat": "gateway" },
    change: { "dukaan:appServers": 3 },
    does: thirdAppServer,
  },
  {
    title: "fleet behind AWS's load balancer",
    settings: { "dukaan:stage": "fleet", "dukaan:loadBalancer": "managed" },
    change: { "dukaan:appServers": 3 },
    does: [...thirdAppServer, "create aws:lb/targetGroupAttachment:TargetGroupAttachment app-3"],
  },
];

// Else each of the tests, which run at the same time, would.
beforeAll(async () => void (await prepareEmulator()));

test.concurrent.each(variants)(
  "$title: up, the same again, a change, down",
  async ({ settings, change, does }) => {
    await withStack(async (stack, account) => {
      await stack.up(settings);
      expect(await stack.preview(settings, { refresh: true })).toEqual([]);
      await expectAsDeclared(stack, account, settings);

      const changed = { ...settings, ...change };
      const steps = await stack.preview(changed);
      expect(steps.filter((step) => step.includes(" aws:"))).toEqual(does);
      await stack.up(changed);
      expect(await stack.preview(changed)).toEqual([]);
      await expectAsDeclared(stack, account, changed);
    });
  },
);

test.concurrent("what evolve does to resources, from droplet to fleet and back, replaces nothing", async () => {
  await withStack(async (stack, account) => {
    await stack.up({ "dukaan:stage": "droplet" });
    const [first] = await account.instances();
    const seen = await evolve(stack, account, ["droplet", "split", "fleet", "split", "droplet"]);
    // app-1 all the time; the database's machine, the second app server and the balancer for as long as they had a part.
    expect(seen.size).toBe(4);
    expect((await account.instances()).map(({ InstanceId }) => InstanceId)).toEqual([first?.InstanceId]);
    expect(await stack.preview({ "dukaan:stage": "droplet" })).toEqual([]);
  });
});

test.concurrent("a move back from AWS's load balancer takes that away, which AWS protects until then", async () => {
  await withStack(async (stack, account) => {
    const behind = { "dukaan:loadBalancer": "managed" };
    await stack.up({ ...behind, "dukaan:stage": "fleet" });
    await evolve(stack, account, ["fleet", "split"], behind);
    expect((await stack.state()).filter(({ type }) => type.startsWith("aws:lb/"))).toEqual([]);
  });
});

/**
 * All the `up`s of `evolve`, from stage to stage.
 * @param always settings at all of them
 * @returns the ids of all instances there were after any of them
 */
async function evolve(
  stack: Stack,
  account: Account,
  way: readonly Stage[],
  always: Config = {},
): Promise<Set<string>> {
  const seen = new Set<string>();
  for (const [at, to] of way.slice(1).entries()) {
    const from = way[at]!;
    const plan = planEvolution(stack.settings({ ...always, "dukaan:stage": from }), to);
    const { during, after, finished } = plan.settings;
    for (const stage of plan.moves ? [during, after, finished] : [after, finished]) {
      const config = Object.fromEntries(
        Object.entries(stage).map(([key, value]) => [`dukaan:${key}`, value]),
      );
      const settings = { ...always, ...config };
      expect(await stack.up(settings), JSON.stringify(stage)).not.toHaveProperty("replaced");
      await expectAsDeclared(stack, account, settings);
      for (const { InstanceId = "" } of await account.instances()) seen.add(InstanceId);
    }
  }
  return seen;
}

/** Runs with a stack in an account of AWS of its own, which is as empty afterwards as it was before. */
async function withStack(run: (stack: Stack, account: Account) => Promise<void>): Promise<void> {
  const emulator = await startEmulator(region);
  try {
    const account = new Account(emulator);
    const before: Inventory = await account.inventory();
    const stack = await Stack.make(emulator, common);
    try {
      await run(stack, account);
      await stack.destroy();
    } finally {
      await stack.remove();
    }
    expect(await account.inventory()).toEqual(before);
  } finally {
    await emulator.stop();
  }
}
