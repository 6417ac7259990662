import type { Platform } from "../platform.js";
import type { HetznerContext } from "./context.js";
import { firewall } from "./firewall.js";
import { loadBalancer, loadBalancerService, loadBalancerTarget } from "./load-balancer.js";
import { floatingAddress } from "./floating-address.js";
import { machine } from "./machine.js";
import { network } from "./network.js";
import { publicAddress } from "./public-address.js";
import { volume } from "./volume.js";

/** Hetzner Cloud, or anything that speaks its API. */
export function hetzner(context: HetznerContext): Platform {
  return {
    network: (...args) => network(context, ...args),
    firewall: (...args) => firewall(context, ...args),
    publicAddress: (...args) => publicAddress(context, ...args),
    floatingAddress: (...args) => floatingAddress(context, ...args),
    machine: (...args) => machine(context, ...args),
    volume: (...args) => volume(context, ...args),
    loadBalancer: (...args) => loadBalancer(context, ...args),
    loadBalancerService: (...args) => loadBalancerService(context, ...args),
    loadBalancerTarget,
  };
}
