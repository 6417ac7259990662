import type { Platform } from "../platform.js";
import { addresses } from "./addresses.js";
import type { AwsContext } from "./context.js";
import { firewalls } from "./firewall.js";
import { machine } from "./machine.js";
import { network } from "./network.js";
import { awsProvider } from "./provider.js";
import { volume } from "./volume.js";

/** AWS: machines on EC2 in a network of their own. */
export function aws(context: AwsContext): Platform {
  return {
    provider: () => awsProvider(context),
    network: (region, _args, options) => network(context, region, options),
    firewalls: (...args) => firewalls(context, ...args),
    addresses: (...args) => addresses(context, ...args),
    machine: (...args) => machine(context, ...args),
    volume: (...args) => volume(context, ...args),
    // Settings refuse them before anything is made.
    floatingAddress: () => notBuilt("an address that goes from one machine to another"),
    loadBalancer: () => notBuilt("the provider's load balancer"),
    loadBalancerService: () => notBuilt("the provider's load balancer"),
    loadBalancerTarget: () => notBuilt("the provider's load balancer"),
  };
}

function notBuilt(what: string): never {
  throw new Error(`${what} is not built for AWS yet`);
}
