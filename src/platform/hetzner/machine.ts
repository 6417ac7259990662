import { Server, type ServerArgs } from "@pulumi/hcloud/server.js";
import { ServerNetwork } from "@pulumi/hcloud/serverNetwork.js";
import * as pulumi from "@pulumi/pulumi";
import { renderTemplate } from "../../template.js";
import type { Machine } from "../../topology/topology.js";
import type { MachineArgs, PlatformMachine } from "../platform.js";
import { type HetznerContext, labels } from "./context.js";

/** A server with its place in the private network. */
export function machine(
  context: HetznerContext,
  described: Machine,
  args: MachineArgs,
  options: pulumi.CustomResourceOptions,
): PlatformMachine {
  const { network, firewall, addresses } = args;
  const { ipv4, ipv6 } = addresses;
  const subnet = network.subnet(described.tier);
  const serverArgs: ServerArgs = {
    name: described.hostname,
    serverType: described.serverType,
    image: described.image,
    location: network.region.location,
    userData: userData(args),
    ...(network.loginKeyId && { sshKeys: [network.loginKeyId] }),
    firewallIds: [firewall.firewallId.apply(Number)],
    publicNets: [
      {
        ipv4Enabled: ipv4 !== undefined,
        ipv6Enabled: ipv6 !== undefined,
        ...(ipv4 && { ipv4: ipv4.addressId.apply(Number) }),
        ...(ipv6 && { ipv6: ipv6.addressId.apply(Number) }),
      },
    ],
    // Hetzner wants both to be the same.
    deleteProtection: context.protect,
    rebuildProtection: context.protect,
    labels: labels(context, {
      region: described.region,
      tier: described.tier,
      machine: described.name,
    }),
  };
  const server = new Server(
    described.name,
    { ...serverArgs, ...args.transform?.(serverArgs) },
    {
      ...options,
      protect: context.protect,
      // A subnet with servers in it cannot be deleted: the server goes first.
      dependsOn: [subnet],
      // Both would replace the server. They matter at its first boot only; later keys are a role's.
      ignoreChanges: ["userData", "sshKeys"],
      // A new server wants the name and the addresses of the old one.
      deleteBeforeReplace: true,
      // The plugin repeats the user data in its own notes when it plans a server.
      additionalSecretOutputs: ["userData", "__meta"],
    },
  );
  // A resource of its own: with it inside the server's arguments, an address change would replace the server.
  const privateInterface = new ServerNetwork(
    described.name,
    { serverId: server.id.apply(Number), subnetId: subnet.id, ip: described.privateAddress },
    { ...options, deletedWith: server },
  );
  return { resource: server, serverId: server.id, privateInterface };
}

/** The only secret in it is the machine's own host key. JSON strings are YAML strings. */
function userData(args: MachineArgs): pulumi.Output<string> {
  return pulumi.secret(
    pulumi
      .all([args.loginKey, args.hostKey.publicKey, args.hostKey.privateKey])
      .apply(([loginKey, hostPublicKey, hostPrivateKey]) =>
        renderTemplate("src/platform/hetzner/cloud-config.yaml", {
          loginKey: JSON.stringify(loginKey),
          hostPublicKey: JSON.stringify(hostPublicKey),
          hostPrivateKey: JSON.stringify(hostPrivateKey),
        }),
      ),
  );
}
