import { Instance, type InstanceArgs } from "@pulumi/aws/ec2/instance.js";
import * as pulumi from "@pulumi/pulumi";
import { renderTemplate } from "../../template.js";
import type { Machine } from "../../topology/topology.js";
import type { MachineArgs, PlatformMachine } from "../platform.js";
import { type AwsContext, tags } from "./context.js";
import { debianImage, hardened } from "./instance.js";

/**
 * An instance on EC2 with a network interface that was there before it. It has no role of IAM: it asks nothing of AWS, and
 * whoever breaks into it gets no credentials.
 */
export function machine(
  context: AwsContext,
  described: Machine,
  args: MachineArgs,
  options: pulumi.CustomResourceOptions,
): PlatformMachine {
  const { network, firewall, addresses } = args;
  const { networkInterface } = addresses;
  if (!networkInterface) throw new Error(`${described.name} has no network interface`);
  const { region, tier, name } = described;
  const instanceArgs: InstanceArgs = {
    ...hardened(tags(context, name, { region, tier, machine: name }), described.diskGB),
    ami: debianImage(described.image, described.serverType, options).id,
    instanceType: described.serverType,
    primaryNetworkInterface: { networkInterfaceId: networkInterface.id },
    userData: userData(described, args),
    disableApiTermination: context.protect,
    // EC2 would refuse the provider, too: it lifts that protection when Pulumi's own lets it delete the instance at all.
    forceDestroy: context.protect,
  };
  const instance = new Instance(
    name,
    { ...instanceArgs, ...args.transform?.(instanceArgs) },
    {
      ...options,
      protect: context.protect,
      // Nothing is reached, nor reaches it, before.
      dependsOn: [...network.ways, ...firewall.ready],
      // The image is the newest on the day that the machine was made; both would replace it.
      ignoreChanges: ["ami", "userData"],
      // An interface is at one instance at a time.
      deleteBeforeReplace: true,
      additionalSecretOutputs: ["userData"],
    },
  );
  return { resource: instance, serverId: instance.id, privateInterface: networkInterface };
}

/** The only secret in it is the machine's own host key. JSON strings are YAML strings. */
function userData({ hostname }: Machine, { loginKey, hostKey }: MachineArgs): pulumi.Output<string> {
  return pulumi.secret(
    pulumi
      .all([loginKey, hostKey.publicKey, hostKey.privateKey])
      .apply(([login, hostPublicKey, hostPrivateKey]) =>
        renderTemplate("src/platform/aws/cloud-config.yaml", {
          hostname,
          loginKey: JSON.stringify(login),
          hostPublicKey: JSON.stringify(hostPublicKey),
          hostPrivateKey: JSON.stringify(hostPrivateKey),
        }),
      ),
  );
}
