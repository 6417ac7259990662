import type { Flow } from "../src/topology/topology.js";

/** What every machine needs, and who may see the shop. `entry` is the service that the public reaches. */
export function groundFlows(entry: string): Flow[] {
  return [
    { from: "world", to: entry, protocol: "tcp", port: 443, purpose: "shop" },
    { from: "world", to: entry, protocol: "tcp", port: 80, purpose: "redirect to https" },
    { from: "operators", to: "system", protocol: "tcp", port: 22, purpose: "SSH" },
    { from: "world", to: "system", protocol: "icmp", purpose: "ping and path MTU" },
    { from: "system", to: "world", protocol: "tcp", port: 443, purpose: "APIs and object storage" },
    { from: "system", to: "world", protocol: "tcp", port: 80, purpose: "package updates" },
    { from: "system", to: "world", protocol: "udp", port: 53, purpose: "DNS" },
    { from: "system", to: "world", protocol: "tcp", port: 53, purpose: "DNS, long answers" },
    { from: "system", to: "world", protocol: "udp", port: 123, purpose: "time" },
    { from: "system", to: "world", protocol: "icmp", purpose: "ping and path MTU" },
  ];
}

/** A TCP flow between two services. */
export function tcp(from: string, to: string, port: number, purpose: string): Flow {
  return { from, to, protocol: "tcp", port, purpose };
}
