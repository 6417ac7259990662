import type { Rule } from "../rule.js";
import { onThisComputer } from "./local.js";

const token = (name: string, Name = name[0]!.toUpperCase() + name.slice(1)) => `hcloud:index/${name}:${Name}`;

/** What data or an address is lost with, and how Hetzner itself can be told to keep it. */
const stateful: Readonly<Record<string, readonly string[]>> = {
  [token("server")]: ["deleteProtection", "rebuildProtection"],
  [token("volume")]: ["deleteProtection"],
  [token("primaryIp")]: ["deleteProtection"],
  [token("floatingIp")]: ["deleteProtection"],
  [token("loadBalancer")]: ["deleteProtection"],
  [token("network")]: ["deleteProtection"],
  [token("networkSubnet")]: [],
};

const protectedByBoth: Rule = {
  name: "hetzner-protected",
  description:
    "What data or an address would be lost with is protected from deletion, by Pulumi and by Hetzner (not on the local cloud).",
  remedy: "Make it with the platform's own functions: they protect it wherever the cloud is a real one.",
  check: (subject) => {
    const { type, props, protect } = subject;
    const ways = stateful[type];
    if (!ways || onThisComputer(subject)) return [];
    const missing = [...(protect ? [] : ["protect"]), ...ways.filter((way) => props[way] !== true)];
    return missing.length === 0 ? [] : [`it lacks ${missing.join(" and ")}`];
  },
};

const addressesStay: Rule = {
  name: "hetzner-addresses-stay",
  description: "A public address outlives its server.",
  remedy: "Set autoDelete: false.",
  check: ({ type, props }) =>
    type === token("primaryIp") && props["autoDelete"] !== false ? ["it is deleted with its server"] : [],
};

export const protection: readonly Rule[] = [protectedByBoth, addressesStay];
