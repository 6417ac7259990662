/** What holds for every resource of a stack on Hetzner Cloud. */
export interface HetznerContext {
  stack: string;
  /** Refuse deletion and rebuilding at Hetzner too; for clouds with real data. */
  protect: boolean;
}

/**
 * Labels that say whose a resource is; orphans of an interrupted run are found by them.
 * @param about e.g. `{ machine: "app-1" }`, becomes `dukaan-machine=app-1`
 */
export function labels(
  context: HetznerContext,
  about: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return Object.fromEntries(
    Object.entries({ stack: context.stack, ...about }).map(([key, value]) => [`dukaan-${key}`, value]),
  );
}
