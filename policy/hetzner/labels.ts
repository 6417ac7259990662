import { fields, texts } from "../read.js";
import { partsOf, type Rule } from "../rule.js";

/** What Hetzner lets bear labels, of what a stack may have. */
const labelled = [
  "hcloud:index/firewall:Firewall",
  "hcloud:index/floatingIp:FloatingIp",
  "hcloud:index/loadBalancer:LoadBalancer",
  "hcloud:index/managedCertificate:ManagedCertificate",
  "hcloud:index/network:Network",
  "hcloud:index/placementGroup:PlacementGroup",
  "hcloud:index/primaryIp:PrimaryIp",
  "hcloud:index/server:Server",
  "hcloud:index/snapshot:Snapshot",
  "hcloud:index/sshKey:SshKey",
  "hcloud:index/uploadedCertificate:UploadedCertificate",
  "hcloud:index/volume:Volume",
  "hcloud:index/zone:Zone",
];

const bearsItsStack: Rule = {
  name: "hetzner-labels",
  description: "Every resource is labelled with its stack.",
  remedy:
    "Set labels.dukaan-stack: what an interrupted run has left is found by it, and so is who pays for what.",
  types: labelled,
  check: ({ urn, props }) => {
    const { stack } = partsOf(urn);
    const [label] = texts(fields(props["labels"])["dukaan-stack"]);
    if (label === stack) return [];
    return [`its label dukaan-stack is ${label === undefined ? "missing" : `"${label}"`}, not "${stack}"`];
  },
};

export const labels: readonly Rule[] = [bearsItsStack];
