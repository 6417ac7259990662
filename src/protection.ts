import type { Settings } from "./settings/schema.js";

/** In the environment of Pulumi, `yes`: somebody has said that what is protected may go. */
export const letGoVariable = "DUKAAN_LET_GO";

/** Whether what holds data, or has an address that others know, is protected from deletion: on real clouds. */
export function isProtected({ local }: Pick<Settings, "local">): boolean {
  return !local && process.env[letGoVariable] !== "yes";
}
