import { createHash } from "node:crypto";
import type { Topology } from "../topology/topology.js";
import type { Look } from "./prober.js";

/** Ports that something often listens at unnoticed, or that attackers try first. */
const wellKnown = [
  21, 22, 23, 25, 53, 69, 80, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 465, 514, 587, 631, 636,
  873, 993, 995, 1080, 1433, 1521, 1883, 1900, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3306, 3389,
  4369, 4789, 5000, 5201, 5353, 5355, 5432, 5433, 5601, 5672, 5900, 5984, 6000, 6379, 6432, 6443, 7000, 7070,
  8000, 8008, 8080, 8081, 8086, 8088, 8099, 8123, 8443, 8472, 8500, 8888, 9000, 9042, 9090, 9092, 9093, 9100,
  9187, 9200, 9300, 9418, 10250, 10255, 11211, 15672, 16379, 25565, 26379, 27017, 28017, 50000, 51820, 65535,
];

/**
 * The ports to ask everywhere, by protocol: those of every flow, those that something listens at or that a firewall names
 * on any machine, well-known ones, and a sample of all others.
 * @param sample how many of the others
 * @param seed the same seed gives the same sample
 */
export function portsToAsk(
  topology: Topology,
  looks: readonly Pick<Look, "listeners" | "ruled">[],
  sample: number,
  seed: number,
): Record<"tcp" | "udp", number[]> {
  const of = (protocol: "tcp" | "udp") => {
    const chosen = new Set([
      ...topology.flows.flatMap((flow) => (flow.protocol === protocol ? [flow.port] : [])),
      ...looks.flatMap(({ listeners }) =>
        listeners.flatMap((listener) => (listener.protocol === protocol ? [listener.port] : [])),
      ),
      ...looks.flatMap(({ ruled }) => ruled),
      ...wellKnown,
    ]);
    const most = Math.min(65_535, chosen.size + sample);
    for (let round = 0; chosen.size < most; round++) {
      const bytes = createHash("sha256").update(`${protocol} ${seed} ${round}`).digest();
      for (let at = 0; at < bytes.length && chosen.size < most; at += 2) {
        const port = bytes.readUInt16BE(at);
        if (port > 0) chosen.add(port);
      }
    }
    return [...chosen].sort((a, b) => a - b);
  };
  return { tcp: of("tcp"), udp: of("udp") };
}
