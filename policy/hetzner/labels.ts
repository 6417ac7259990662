import { fields, texts } from "../read.js";
import { partsOf, type Rule } from "../rule.js";

/** What Hetzner lets bear labels, of what a stack may have. */
const labelled = new Set(
  [
    "certificate",
    "firewall",
    "floatingIp",
    "loadBalancer",
    "managedCertificate",
    "network",
    "placementGroup",
    "primaryIp",
    "server",
    "snapshot",
    "sshKey",
    "uploadedCertificate",
    "volume",
    "zone",
  ].map((name) => `hcloud:index/${name}:${name[0]!.toUpperCase()}${name.slice(1)}`),
);

const bearsItsStack: Rule = {
  name: "hetzner-labels",
  description: "Every resource is labelled with its stack.",
  remedy:
    "Set labels.dukaan-stack: what an interrupted run has left is found by it, and so is who pays for what.",
  check: ({ type, urn, props }) => {
    if (!labelled.has(type)) return [];
    const { stack } = partsOf(urn);
    const [label] = texts(fields(props["labels"])["dukaan-stack"]);
    if (label === stack) return [];
    return [`its label dukaan-stack is ${label === undefined ? "missing" : `"${label}"`}, not "${stack}"`];
  },
};

export const labels: readonly Rule[] = [bearsItsStack];
