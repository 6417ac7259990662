import { InputError } from "./catalogue/catalogue.js";
import type { Item } from "./item.js";
import { inRegion } from "./targets/scenario.js";
import { skuOfServer } from "./targets/hetzner.js";

/** The parts of `pulumi preview --json` that are read here. */
interface PreviewStep {
  op: string;
  urn: string;
  oldState?: PreviewState;
  newState?: PreviewState;
}

interface PreviewState {
  type: string;
  inputs?: Record<string, unknown>;
}

/** What a pending preview changes on the bill: what is charged now, and what would be. */
export interface PreviewDifference {
  before: Item[];
  after: Item[];
  /** Resources of a cloud that no price is known for here. */
  unknown: string[];
}

/** What Hetzner's resources cost nothing for. */
const free = new Set([
  "network:Network",
  "networkSubnet:NetworkSubnet",
  "networkRoute:NetworkRoute",
  "serverNetwork:ServerNetwork",
  "loadBalancerNetwork:LoadBalancerNetwork",
  "loadBalancerService:LoadBalancerService",
  "loadBalancerTarget:LoadBalancerTarget",
  "firewall:Firewall",
  "firewallAttachment:FirewallAttachment",
  "sshKey:SshKey",
  "placementGroup:PlacementGroup",
  "rdns:Rdns",
  "volumeAttachment:VolumeAttachment",
  "certificate:Certificate",
  "managedCertificate:ManagedCertificate",
  "uploadedCertificate:UploadedCertificate",
]);

const gone = new Set(["delete", "discard"]);
const fresh = new Set(["create", "import"]);
/** A replacement is told as three steps; only the one that has both states counts. */
const partial = new Set([
  "create-replacement",
  "delete-replaced",
  "discard-replaced",
  "read",
  "refresh",
  "read-replacement",
  "read-discard",
]);

/**
 * Reads what `pulumi preview --json` printed.
 * @param location where resources are that do not say it themselves, e.g. addresses of a server
 * @throws InputError when it is not a preview
 */
export function previewDifference(preview: unknown, location: string): PreviewDifference {
  const steps = (preview as { steps?: unknown } | null)?.steps;
  if (!Array.isArray(steps)) {
    throw new InputError("the preview has no steps", "Give what `pulumi preview --json` printed.");
  }
  const result: PreviewDifference = { before: [], after: [], unknown: [] };
  for (const step of steps as PreviewStep[]) {
    if (partial.has(step.op)) continue;
    const { oldState = step.newState, newState = step.oldState } = step;
    if (!fresh.has(step.op)) result.before.push(...itemsOf(oldState, step.urn, location, result.unknown));
    if (!gone.has(step.op)) result.after.push(...itemsOf(newState, step.urn, location, result.unknown));
  }
  result.unknown = [...new Set(result.unknown)];
  return result;
}

function itemsOf(state: PreviewState | undefined, urn: string, location: string, unknown: string[]): Item[] {
  const kind = /^hcloud:index\/(.+)$/.exec(state?.type ?? "")?.[1];
  if (!state || kind === undefined || free.has(kind)) return [];
  const inputs = state.inputs ?? {};
  const text = (name: string) => (typeof inputs[name] === "string" ? inputs[name] : undefined);
  const item = inRegion("hetzner", text("location") ?? location);
  switch (kind) {
    case "server:Server":
      return [
        item("compute", "cloud", skuOfServer(text("serverType") ?? "unknown"), 1, "month-cap", "servers"),
      ];
    case "primaryIp:PrimaryIp": {
      const version = text("type") === "ipv6" ? "primary-ipv6" : "primary-ipv4";
      return [item("network", "network", version, 1, "month", "public addresses")];
    }
    case "volume:Volume":
      return [item("storage", "storage", "volume", Number(inputs["size"]), "GB-month", "volumes")];
    case "loadBalancer:LoadBalancer":
      return [
        item(
          "network",
          "loadbalancer",
          (text("loadBalancerType") ?? "unknown").toUpperCase(),
          1,
          "month",
          "load balancers",
        ),
      ];
    default:
      unknown.push(`${kind} ${urn.split("::").at(-1) ?? ""}`);
      return [];
  }
}
