import type { Instance } from "@aws-sdk/client-ec2";
import { beforeAll, expect, test } from "vitest";
import { planEvolution } from "../../src/evolve/plan.js";
import type { Stage } from "../../src/topology/stages.js";
import { expectAsDeclared } from "./declared.js";
import { prepareEmulator, startEmulator } from "./emulator.js";
import { Account, type Inventory } from "./inventory.js";
import { type Config, Stack } from "./stack.js";
import { expectBuckets } from "./storage.js";

// Stacks on AWS by Pulumi's engine and the plugin, against an emulator of AWS. What that cannot show is in docs/aws.md.

const region = "us-east-1";

const common: Config = {
  "dukaan:provider": "aws",
  "dukaan:location": region,
  "dukaan:backup": "none",
  "dukaan:images": "none",
  "dukaan:sms": "log",
};

/** Each account has this zone in Route 53. */
const zone = "example.com";

const named: Config = { "dukaan:domain": `shop.${zone}`, "dukaan:hostedZone": zone };

/** A stack, and a change of its settings. A line more for another way to build a stage. */
interface Variant {
  title: string;
  settings: Config;
  change: Config;
  /** What that does at AWS. */
  does: readonly string[];
  /** What is still there when the stack is gone, see {@link Account.kept}. */
  kept?: readonly string[];
}

const thirdAppServer = [
  "create aws:ec2/eip:Eip app-3-ipv4",
  "create aws:ec2/eipAssociation:EipAssociation app-3-ipv4",
  "create aws:ec2/instance:Instance app-3",
  "create aws:ec2/networkInterface:NetworkInterface app-3",
];

/** Of a database that AWS runs. */
const database = [
  "backup of dukaan-test-database, encrypted",
  "key test-database",
  "snapshot dukaan-test-database-final, encrypted",
];

/** With a group of app servers: AWS deletes a key after a month. */
const withGroup = [...database, "key test-releases, disabled"].toSorted();

// Those that take the longest first.
const variants: readonly Variant[] = [
  {
    title: "split with a database of AWS",
    settings: { "dukaan:stage": "split", "dukaan:managed": true },
    change: {
      "dukaan:databaseServerType": "t3.large",
      "dukaan:databaseVolume": 40,
      "dukaan:backupDays": 14,
    },
    does: [
      "update aws:rds/instance:Instance database: allocatedStorage, backupRetentionPeriod, instanceClass",
      "update aws:rds/parameterGroup:ParameterGroup database: parameters",
    ],
    kept: database,
  },
  {
    title: "fleet of what AWS runs",
    settings: { "dukaan:stage": "fleet", "dukaan:managed": true, "dukaan:loadBalancer": "managed", ...named },
    change: { "dukaan:appServers": 3 },
    does: [...thirdAppServer, "create aws:lb/targetGroupAttachment:TargetGroupAttachment app-3"],
    kept: [...database, "record CNAME _.shop.example.com."].toSorted(),
  },
  {
    title: "fleet with a group of app servers",
    settings: {
      "dukaan:stage": "fleet",
      "dukaan:managed": true,
      "dukaan:loadBalancer": "managed",
      "dukaan:appServers": 3,
      "dukaan:appServersMost": 6,
    },
    change: { "dukaan:serverType": "t3.large", "dukaan:databaseServerType": "t3.medium" },
    does: [
      "update aws:ec2/instance:Instance app-1: instanceType, publicDns, publicIp",
      "update aws:ec2/launchTemplate:LaunchTemplate app-group: instanceType, latestVersion, userData",
    ],
    kept: withGroup,
  },
  {
    title: "droplet with buckets of its own",
    settings: { "dukaan:stage": "droplet", "dukaan:backup": "own", "dukaan:images": "own", ...named },
    change: { "dukaan:serverType": "t3.large" },
    does: ["update aws:ec2/instance:Instance app-1: instanceType, publicDns, publicIp"],
    kept: ["bucket dukaan-test-backups", "bucket dukaan-test-images", "key test-storage"],
  },
  {
    title: "split with a NAT instance and a volume",
    settings: { "dukaan:stage": "split", "dukaan:nat": "instance", "dukaan:databaseVolume": 20 },
    change: { "dukaan:databaseVolume": 30 },
    does: ["update aws:ebs/volume:Volume database-1-data: size"],
    kept: ["snapshot of test-database-1-data, encrypted"],
  },
  {
    title: "fleet with NAT gateways",
    settings: { "dukaan:stage": "fleet", "dukaan:nat": "gateway" },
    change: { "dukaan:appServers": 3 },
    does: thirdAppServer,
  },
];

// Else each of the tests, which run at the same time, would.
beforeAll(async () => void (await prepareEmulator()));

/** Ways of a stack through stages and back to the first. */
const ways: readonly {
  title: string;
  settings: Config;
  stages: readonly Stage[];
  machines: number;
  kept: readonly string[];
}[] = [
  {
    title: "from droplet to fleet and back",
    settings: {},
    stages: ["droplet", "split", "fleet", "split", "droplet"],
    // app-1; the database's machine, the second app server and the balancer for as long as they have a part.
    machines: 4,
    kept: [],
  },
  {
    title: "between split and fleet of what AWS runs",
    settings: { "dukaan:managed": true, "dukaan:loadBalancer": "managed", "dukaan:appServersMost": 4 },
    stages: ["split", "fleet", "split"],
    // app-1; and the one of the group, which another way in makes anew, twice.
    machines: 4,
    kept: withGroup,
  },
];

test.concurrent.each(ways)(
  "what evolve does to resources, $title, replaces nothing",
  async ({ settings, stages, machines, kept }) => {
    await withStack(kept, async (stack, account) => {
      const [from, ...others] = stages.map((stage) => ({ ...settings, "dukaan:stage": stage }));
      await stack.up(from!);
      const first = await account.instances();
      const seen = new Set<string>();
      let now = from!;
      for (const next of others) {
        const plan = planEvolution(stack.settings(now), next["dukaan:stage"]);
        const { during, after, finished } = plan.settings;
        for (const stage of plan.moves ? [during, after, finished] : [after, finished]) {
          const config = { ...settings, ...byKey(stage) };
          const steps = await stack.up(config);
          expect(steps.filter((step) => step.includes("replace"))).toEqual([]);
          await expectAsDeclared(stack, account, config);
          for (const { InstanceId = "" } of await account.instances()) seen.add(InstanceId);
        }
        now = next;
      }
      expect(seen.size).toBe(machines);
      expect(idsOf(await account.instances())).toEqual(idsOf(first));
      expect(await stack.preview(now)).toEqual([]);
    });
  },
);

test.concurrent.each(variants)(
  "$title: up, the same again, a change, down",
  async ({ settings, change, does, kept }) => {
    await withStack(kept, async (stack, account) => {
      await stack.up(settings);
      expect(await stack.preview(settings, { refresh: true })).toEqual([]);
      await expectAsDeclared(stack, account, settings);

      const changed = { ...settings, ...change };
      const steps = await stack.up(changed);
      expect(steps.filter((step) => step.includes(" aws:"))).toEqual(does);
      expect(await stack.preview(changed)).toEqual([]);
      await expectAsDeclared(stack, account, changed);
    });
  },
);

function byKey(stage: object): Config {
  return Object.fromEntries(Object.entries(stage).map(([key, value]) => [`dukaan:${key}`, value]));
}

function idsOf(instances: readonly Instance[]): string[] {
  return instances.map(({ InstanceId = "" }) => InstanceId);
}

/**
 * Runs with a stack in an account of AWS of its own, which is as empty afterwards as it was before.
 * @param kept but for this
 */
async function withStack(
  kept: readonly string[] = [],
  run: (stack: Stack, account: Account) => Promise<void>,
): Promise<void> {
  const emulator = await startEmulator(region);
  try {
    const account = new Account(emulator);
    await account.ask("route53", "create_hosted_zone", { Name: zone, CallerReference: "test" });
    const before: Inventory = await account.inventory();
    const stack = await Stack.make(emulator, common);
    try {
      await run(stack, account);
      await stack.destroy();
    } finally {
      await stack.remove();
    }
    expect(await account.inventory()).toEqual(before);
    expect(await account.kept("test")).toEqual(kept);
    await expectBuckets(
      account,
      ["backups", "images"].filter((purpose) => kept.includes(`bucket dukaan-test-${purpose}`)),
    );
  } finally {
    await emulator.stop();
  }
}
