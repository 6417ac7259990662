/** The ten stages of the platform's life, in order. Each keeps the services and the data of the one before it. */
export const stages = [
  "droplet",
  "split",
  "fleet",
  "replicas",
  "redis",
  "kafka",
  "search",
  "cdn",
  "kubernetes",
  "anycast",
] as const;

export type Stage = (typeof stages)[number];

/** The stages that this version can provision. */
export const builtStages: readonly Stage[] = ["droplet", "split", "fleet"];

/** @returns whether this version can provision the stage */
export function isBuilt(stage: Stage): boolean {
  return builtStages.includes(stage);
}
