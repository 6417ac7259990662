import type { Region } from "../../topology/topology.js";

/** What holds for every resource of a stack on AWS. */
export interface AwsContext {
  stack: string;
  /** Refuse deletion at AWS too; for clouds with real data. */
  protect: boolean;
  /** Those of the stack's regions that are on AWS. */
  regions: readonly Region[];
}

/** Says of a resource that what is in it is elsewhere too: nothing is lost with it, and nothing protects it. */
export const onlyCopies = { holds: "copies" };

/**
 * Tags that say whose a resource is, and what; consoles and bills show them.
 * @param name e.g. "app-1", becomes `Name=shop-app-1`
 * @param about e.g. `{ machine: "app-1" }`, becomes `dukaan-machine=app-1`
 */
export function tags(
  { stack }: Pick<AwsContext, "stack">,
  name: string,
  about: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const ours = Object.entries({ stack, ...about }).map(([key, value]) => [`dukaan-${key}`, value]);
  return { Name: `${stack}-${name}`, ...(Object.fromEntries(ours) as Record<string, string>) };
}
