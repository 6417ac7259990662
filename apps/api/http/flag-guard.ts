import type { FeatureFlags, Flag } from "../flags.js";
import type { App } from "./app.js";
import { isSafeMethod } from "./origin-check.js";
import { Problem } from "./problem.js";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The flag that switches this route off: for features that cost much and can be done without for a while. */
    offWhen?: Flag;
  }
}

/** Refuses with 503 what a feature flag has switched off: all writes, or a single expensive feature. */
export function guardByFlags(app: App, flags: FeatureFlags): void {
  app.addHook("onRequest", async (request) => {
    const { offWhen } = request.routeOptions.config;
    const writes = !isSafeMethod(request.method);
    if (writes && (await flags.isEnabled("read_only")))
      throw new Problem(
        503,
        "read-only",
        "Orders and changes pause for a moment. Nothing was lost; please try again.",
        { retryAfter: 5 },
      );
    if (offWhen !== undefined && (await flags.isEnabled(offWhen))) throw switchedOff();
  });
}

/** The answer to a request for a feature that a flag has switched off. */
export function switchedOff(): Problem {
  return new Problem(503, "switched-off", "This is switched off for a while, so that the shops stay fast.", {
    retryAfter: 300,
  });
}
