import type { Platform } from "../platform.js";
import type { HetznerContext } from "./context.js";
import { addresses } from "./addresses.js";
import { firewalls } from "./firewall.js";
import { loadBalancer, loadBalancerService, loadBalancerTarget } from "./load-balancer.js";
import { floatingAddress } from "./floating-address.js";
import { machine } from "./machine.js";
import { network } from "./network.js";
import { hetznerProvider } from "./provider.js";
import { volume } from "./volume.js";

/** Hetzner Cloud, or anything that speaks its API. */
export function hetzner(context: HetznerContext): Platform {
  return {
    provider: hetznerProvider,
    network: (...args) => network(context, ...args),
    firewalls: (...args) => firewalls(context, ...args),
    addresses: (...args) => addresses(context, ...args),
    floatingAddress: (...args) => floatingAddress(context, ...args),
    machine: (...args) => machine(context, ...args),
    volume: (...args) => volume(context, ...args),
    loadBalancer: (...args) => loadBalancer(context, ...args),
    loadBalancerPool: (_name, args) => args,
    loadBalancerService: (...args) => loadBalancerService(context, ...args),
    loadBalancerTarget,
    // Settings refuse them before anything is made.
    objectStorage: () => {
      throw new Error("Hetzner makes buckets for people alone: its API has none");
    },
    publicName: () => {
      throw new Error("names in Hetzner's DNS are not built yet");
    },
  };
}
