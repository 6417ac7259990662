import { SecurityGroup } from "@pulumi/aws/ec2/securityGroup.js";
import { SecurityGroupEgressRule } from "@pulumi/aws/vpc/securityGroupEgressRule.js";
import { SecurityGroupIngressRule } from "@pulumi/aws/vpc/securityGroupIngressRule.js";
import type * as pulumi from "@pulumi/pulumi";
import {
  type SecurityGroupRule,
  nameOfRule,
  operatorsGroup,
  securityGroups,
} from "../../topology/security-groups.js";
import type { Topology } from "../../topology/topology.js";
import type { PlatformFirewall, PlatformNetwork } from "../platform.js";
import { connectEndpoint } from "./connect-endpoint.js";
import { type AwsContext, tags } from "./context.js";

/**
 * Security groups: they filter every interface in both directions, and drop what no rule allows. With them the door that
 * operators come by: it is in a group of its own, and machines wait for it too.
 */
export function firewalls(
  context: AwsContext,
  network: PlatformNetwork,
  topology: Topology,
  options: pulumi.CustomResourceOptions,
): Map<string, PlatformFirewall> {
  const { region } = network;
  const described = securityGroups(topology, region.name);
  const groups = new Map(
    described.map(({ name }) => {
      const full = `${region.name}-${name}`;
      const group = new SecurityGroup(
        full,
        {
          // AWS refuses names that begin with "sg-", as a stack's may.
          name: `dukaan-${context.stack}-${full}`,
          description: `What ${name} may exchange with others`,
          vpcId: network.networkId,
          tags: tags(context, full, { region: region.name }),
        },
        options,
      );
      return [name, group];
    }),
  );
  const idOf = (name: string): pulumi.Output<string> => {
    const group = groups.get(name);
    if (!group) throw new Error(`region ${region.name} has no security group ${name}`);
    return group.id;
  };
  const rules = described.flatMap((group) =>
    group.rules.map((rule) =>
      makeRule(context, `${region.name}-${group.name}`, idOf(group.name), rule, idOf, options),
    ),
  );
  const door = connectEndpoint(context, network, idOf(operatorsGroup), options);
  const ready = [...rules, door];
  const tunnel = { endpointId: door.id, dnsName: door.dnsName, region: region.location };
  return new Map([...groups].map(([name, group]) => [name, { firewallId: group.id, ready, tunnel }]));
}

function makeRule(
  context: AwsContext,
  group: string,
  securityGroupId: pulumi.Output<string>,
  rule: SecurityGroupRule,
  idOf: (name: string) => pulumi.Output<string>,
  options: pulumi.CustomResourceOptions,
): pulumi.Resource {
  const name = `${group}-${nameOfRule(rule)}`;
  const args = {
    securityGroupId,
    description: rule.description,
    ...protocolOf(rule),
    ...remoteOf(rule, idOf),
    tags: tags(context, name),
  };
  return rule.direction === "in"
    ? new SecurityGroupIngressRule(name, args, options)
    : new SecurityGroupEgressRule(name, args, options);
}

/** Numbers and names as EC2 knows them; -1: every type of ICMP. */
function protocolOf({ protocol, port, remote }: SecurityGroupRule) {
  const isIpv6 = "range" in remote && remote.range.includes(":");
  if (protocol === "vrrp") return { ipProtocol: "112" };
  if (protocol === "icmp") return { ipProtocol: isIpv6 ? "icmpv6" : "icmp", fromPort: -1, toPort: -1 };
  return { ipProtocol: protocol, ...(port !== undefined && { fromPort: port, toPort: port }) };
}

function remoteOf({ remote }: SecurityGroupRule, idOf: (name: string) => pulumi.Output<string>) {
  if ("group" in remote) return { referencedSecurityGroupId: idOf(remote.group) };
  return remote.range.includes(":") ? { cidrIpv6: remote.range } : { cidrIpv4: remote.range };
}
