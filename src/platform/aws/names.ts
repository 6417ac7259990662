import { getZoneOutput } from "@pulumi/aws/route53/getZone.js";
import { Record } from "@pulumi/aws/route53/record.js";
import * as pulumi from "@pulumi/pulumi";
import type { PublicNameArgs } from "../platform.js";

/** How long an answer is good, in seconds: the public's way in moves with the stage. */
const ttl = 60;

/**
 * A name's addresses in a zone of Route 53, for IPv4 and IPv6. A load balancer's change at any time: an alias leads to
 * those of the moment, and costs nothing to ask for. Records can have no tags.
 */
export function publicName(
  name: string,
  { domain, hostedZone, front }: PublicNameArgs,
  options: pulumi.CustomResourceOptions,
): pulumi.Resource[] {
  const zoneId = hostedZoneId(hostedZone, options);
  const record = (type: "A" | "AAAA", address: pulumi.Output<string> | undefined) => {
    const leadsTo =
      "name" in front
        ? // Without another answer to give, the load balancer's health does not matter.
          { aliases: [{ name: front.name, zoneId: front.zoneId, evaluateTargetHealth: false }] }
        : address && { records: [address], ttl };
    const full = `${name}-${type === "A" ? "ipv4" : "ipv6"}`;
    return leadsTo ? [new Record(full, { zoneId, name: domain, type, ...leadsTo }, options)] : [];
  };
  const { ipv4, ipv6 } = "name" in front ? {} : front;
  return [...record("A", ipv4), ...record("AAAA", ipv6)];
}

/** @param hostedZone an id, e.g. "Z0123456789ABCDEFGHIJ", or a name, which is looked up among the account's public zones */
export function hostedZoneId(
  hostedZone: string,
  { parent }: pulumi.CustomResourceOptions,
): pulumi.Output<string> {
  if (/^Z[A-Z0-9]+$/.test(hostedZone)) return pulumi.output(hostedZone);
  return getZoneOutput({ name: hostedZone, privateZone: false }, parent ? { parent } : {}).zoneId;
}
