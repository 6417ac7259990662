import type { Platform } from "../platform.js";
import { addresses } from "./addresses.js";
import type { AwsContext } from "./context.js";
import { firewalls } from "./firewall.js";
import { loadBalancer, loadBalancerPool, loadBalancerService, loadBalancerTarget } from "./load-balancer.js";
import { machine } from "./machine.js";
import { publicName } from "./names.js";
import { network } from "./network.js";
import { objectStorage } from "./object-storage.js";
import { awsProvider } from "./provider.js";
import { volume } from "./volume.js";

/** AWS: machines on EC2 in a network of their own, its load balancer and its DNS. */
export function aws(context: AwsContext): Platform {
  return {
    provider: () => awsProvider(context),
    network: (region, _args, options) => network(context, region, options),
    firewalls: (...args) => firewalls(context, ...args),
    addresses: (...args) => addresses(context, ...args),
    machine: (...args) => machine(context, ...args),
    volume: (...args) => volume(context, ...args),
    // Settings refuse it before anything is made.
    floatingAddress: () => {
      throw new Error("an address that goes from one machine to another is not built for AWS yet");
    },
    loadBalancer: (...args) => loadBalancer(context, ...args),
    loadBalancerPool: (...args) => loadBalancerPool(context, ...args),
    loadBalancerTarget,
    loadBalancerService: (...args) => loadBalancerService(context, ...args),
    objectStorage: (...args) => objectStorage(context, ...args),
    publicName,
  };
}
