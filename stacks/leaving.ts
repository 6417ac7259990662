import type { StagePlan } from "./plan.js";

/**
 * A stage while the way in of the stage before is kept, because visitors and name servers still know its address: what
 * the public reached there is there, still reached, and hands on as it did.
 */
export function leaving(stage: StagePlan, last: StagePlan): StagePlan {
  const { entry } = last;
  if (entry === stage.entry) return stage;
  const known = new Set(stage.services.map(({ name }) => name));
  const kept = last.flows.filter(
    (flow) =>
      (flow.from === "world" && flow.to === entry) || (flow.from === entry && flow.protocol === "tcp"),
  );
  return {
    ...stage,
    ...(last.managed !== undefined && { managed: last.managed, balanced: last.balanced! }),
    ...(last.group && { group: last.group }),
    services: [...stage.services, ...last.services.filter(({ name }) => name === entry && !known.has(name))],
    flows: [...stage.flows, ...kept],
  };
}
