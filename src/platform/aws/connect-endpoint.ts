import { InstanceConnectEndpoint } from "@pulumi/aws/ec2transitgateway/instanceConnectEndpoint.js";
import type * as pulumi from "@pulumi/pulumi";
import type { PlatformNetwork } from "../platform.js";
import { type AwsContext, tags } from "./context.js";

/**
 * The door for operators: an EC2 Instance Connect Endpoint. Whoever IAM lets open a tunnel reaches port 22 of the
 * machines' private addresses through it; none of them takes SSH from the internet. It costs nothing.
 * See docs/decisions/0025.
 */
export function connectEndpoint(
  context: AwsContext,
  { region, providerSubnets }: PlatformNetwork,
  operators: pulumi.Input<string>,
  options: pulumi.CustomResourceOptions,
): InstanceConnectEndpoint {
  const [subnet] = providerSubnets;
  if (!subnet) throw new Error(`${region.name} has no subnet for the way in`);
  return new InstanceConnectEndpoint(
    region.name,
    {
      subnetId: subnet.id,
      securityGroupIds: [operators],
      // Machines see the endpoint, which is in the group that they let in, and not where operators are.
      preserveClientIp: false,
      tags: tags(context, region.name, { region: region.name }),
    },
    options,
  );
}
