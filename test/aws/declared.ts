import type { Instance } from "@aws-sdk/client-ec2";
import { expect } from "vitest";
import { type SecurityGroupRule, securityGroups } from "../../src/topology/security-groups.js";
import { type Topology, machinesOf } from "../../src/topology/topology.js";
import { topologyOf } from "../../stacks/index.js";
import { statefulOnAws } from "../unit/on-aws.js";
import { type Account, nameIn } from "./inventory.js";
import { expectManaged, expectNames } from "./managed.js";
import { expectServerGroups, idsInGroups } from "./server-group.js";
import { expectBucketKeys, expectBuckets, ownBuckets } from "./storage.js";
import type { Config, Stack } from "./stack.js";

/** Holds what AWS says that there is against what a stack of these settings declares. */
export async function expectAsDeclared(stack: Stack, account: Account, config: Config): Promise<void> {
  const settings = stack.settings(config);
  const topology = topologyOf(settings);
  const groups = await account.groups("test");
  expect(groups).toEqual(declaredGroups(topology));
  // Until a move is finished, the old way in is open beside the new one.
  const { leaving, ...settled } = settings;
  const ways = [topology, ...(leaving ? [topologyOf({ ...settled, stage: leaving })] : [])];
  expect(openToAll(groups)).toEqual(entriesOf(ways));

  const everything = await account.instances();
  const inGroups = await idsInGroups(account);
  const instances = everything.filter(({ InstanceId = "" }) => !inGroups.has(InstanceId));
  const nats = topology.regions.some(({ nat }) => nat === "instance") ? ["nat"] : [];
  expect(instances.map(nameOf).toSorted()).toEqual(
    [
      ...topology.machines.map(({ name }) => `test-${name}`),
      ...nats.map((nat) => `test-us-east-1-${nat}`),
    ].toSorted(),
  );
  for (const instance of instances) {
    const { MetadataOptions, IamInstanceProfile, KeyName, PublicIpAddress, InstanceType } = instance;
    const machine = topology.machines.find(({ name }) => `test-${name}` === nameOf(instance));
    expect(MetadataOptions).toMatchObject({ HttpTokens: "required", HttpPutResponseHopLimit: 1 });
    expect([IamInstanceProfile, KeyName]).toEqual([undefined, undefined]);
    if (!machine) continue;
    expect(InstanceType).toBe(machine.serverType);
    expect(PublicIpAddress !== undefined, `${machine.name} has a public address`).toBe(machine.publicIpv4);
    expect(await account.isProtected(instance.InstanceId!), `${machine.name} is protected`).toBe(true);
  }

  const volumes = await account.volumes();
  expect(volumes.length).toBe(everything.length + topology.volumes.length);
  expect(volumes.filter(({ Encrypted }) => Encrypted !== true)).toEqual([]);
  const sizes = volumes.map(({ Size }) => Size);
  expect(sizes).toEqual(expect.arrayContaining(topology.volumes.map(({ sizeGB }) => sizeGB)));

  await expectManaged(account, topology);
  await expectNames(account, topology, settings);
  await expectServerGroups(account, topology);
  const buckets = ownBuckets(settings);
  const all = topology.groups ? [...buckets, "releases"] : buckets;
  await expectBuckets(account, all);
  await expectBucketKeys(account, buckets, all.length > 0);

  const stateful = (await stack.state()).filter(({ type }) => statefulOnAws.includes(type));
  const ours = stateful.filter((one) => !/-nat(-[ab])?$/.test(one.urn) && !holdsCopies(one));
  expect(ours.filter(({ protect }) => protect !== true).map(({ urn }) => urn)).toEqual([]);
}

/** Of what is elsewhere too; src/platform/aws/context.ts. */
function holdsCopies({ inputs = {} }: { inputs?: Record<string, unknown> | undefined }): boolean {
  const tags = inputs["tags"] as Record<string, string> | undefined;
  return tags?.["dukaan-holds"] === "copies";
}

/** By the tag `Name`; the default group, which nobody asked for, has no rules, and a NAT instance's lets the network out. */
function declaredGroups(topology: Topology): Record<string, string[]> {
  return Object.fromEntries(
    topology.regions.flatMap(({ name: region, range, nat }) => [
      [`test-${region}-default`, []],
      ...(nat === "instance"
        ? [[`test-${region}-nat`, [`in -1 -1 ${range}`, "out -1 -1 0.0.0.0/0"]] as const]
        : []),
      ...securityGroups(topology, region).map(({ name, rules }) => [
        `test-${region}-${name}`,
        rules.map((rule) => describeRule(rule, region)).toSorted(),
      ]),
    ]),
  );
}

function describeRule({ direction, protocol, port, remote }: SecurityGroupRule, region: string): string {
  const other = "group" in remote ? `test-${region}-${remote.group}` : remote.range;
  if (protocol === "vrrp") return `${direction} 112 ${other}`;
  const kind = protocol === "icmp" && other.includes(":") ? "icmpv6" : protocol;
  return `${direction} ${kind} ${protocol === "icmp" ? -1 : port} ${other}`;
}

/** Rules that let in everybody, by group; ping aside. */
function openToAll(groups: Readonly<Record<string, string[]>>): string[] {
  return Object.entries(groups)
    .flatMap(([name, rules]) => rules.map((rule) => `${name} ${rule}`))
    .filter((rule) => / in /.test(rule) && / (0\.0\.0\.0|::)\/0$/.test(rule) && !rule.includes("icmp"))
    .toSorted();
}

/** Each entry, and port 80, which leads there. */
function entriesOf(ways: readonly Topology[]): string[] {
  const rules = ways.flatMap((topology) =>
    topology.entries.flatMap(({ service, port }) =>
      groupsBefore(topology, service).flatMap((group) =>
        [80, port].flatMap((open) =>
          ["0.0.0.0/0", "::/0"].map((range) => `${group} in tcp ${open} ${range}`),
        ),
      ),
    ),
  );
  return [...new Set(rules)].toSorted();
}

/** The security groups of the machines that a service runs on, or of AWS's load balancer. */
function groupsBefore(topology: Topology, service: string): string[] {
  const balancers = (topology.loadBalancers ?? []).filter(({ name }) => name === service);
  return balancers.length > 0
    ? balancers.map(({ region, name }) => `test-${region}-${name}`)
    : machinesOf(topology, service).map(({ region, tier }) => `test-${region}-${tier}`);
}

function nameOf({ Tags }: Instance): string {
  return nameIn(Tags);
}
