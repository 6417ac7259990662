import { InputError } from "../check.js";
import type { Item } from "../item.js";
import { awsResource } from "./aws.js";
import { hetznerResource } from "./hetzner.js";
import type { Place, PreviewState } from "./resource.js";

/** The parts of `pulumi preview --json` that are read here. */
interface PreviewStep {
  op: string;
  urn: string;
  oldState?: PreviewState;
  newState?: PreviewState;
}

/** What a pending preview changes on the bill: what is charged now, and what would be. */
export interface PreviewDifference {
  before: Item[];
  after: Item[];
  /** Resources that no price is known for here. */
  unknown: string[];
}

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

/** Packages whose resources are on no cloud's bill. */
const withoutBill = new Set(["pulumi", "dukaan", "random", "tls", "kubernetes", "command"]);

/**
 * Reads what `pulumi preview --json` printed: what is charged by the month or the hour, not by use.
 * @param place where resources are that do not say it themselves, e.g. addresses of a server
 * @throws InputError when it is not a preview
 */
export function previewDifference(preview: unknown, place: Place): PreviewDifference {
  const steps = (preview as { steps?: unknown } | null)?.steps;
  if (!Array.isArray(steps)) {
    throw new InputError("the preview has no steps", "Give what `pulumi preview --json` printed.");
  }
  const result: PreviewDifference = { before: [], after: [], unknown: [] };
  for (const step of steps as PreviewStep[]) {
    if (partial.has(step.op)) continue;
    const { oldState = step.newState, newState = step.oldState } = step;
    for (const [side, state, counts] of [
      ["before", oldState, !fresh.has(step.op)],
      ["after", newState, !gone.has(step.op)],
    ] as const) {
      const items = state && counts ? itemsOf(state, place) : [];
      if (items) result[side].push(...items);
      else result.unknown.push(`${state!.type} ${step.urn.split("::").at(-1) ?? ""}`);
    }
  }
  result.unknown = [...new Set(result.unknown)];
  return result;
}

/** @returns undefined when nobody here knows what it costs */
function itemsOf({ type, inputs = {} }: PreviewState, place: Place): Item[] | undefined {
  const [cloud = "", kind = ""] = type.split(/:(.*)/s);
  if (withoutBill.has(cloud)) return [];
  if (cloud === "hcloud") return hetznerResource(kind.replace(/^index\//, ""), inputs, place);
  return cloud === "aws" ? awsResource(kind, inputs, place) : undefined;
}
