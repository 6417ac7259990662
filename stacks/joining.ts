import { tcp } from "./ground.js";
import type { StagePlan } from "./plan.js";

/**
 * A stage while its database is being moved to where another stage has it: everything stays as it is, and the other
 * stage's machine is there with a standby, which whoever is a client later can reach already.
 * @throws RangeError when one of them has no database
 */
export function joining(stage: StagePlan, other: StagePlan): StagePlan {
  const standby = "postgresql-standby";
  return {
    ...stage,
    services: [...stage.services, { name: standby, tier: tierOfDatabase(other), stateful: true }],
    flows: [
      ...stage.flows,
      ...other.flows
        .filter(({ to }) => to === "postgresql")
        .map((flow) => Object.assign({}, flow, { to: standby })),
      tcp(standby, "postgresql", 5432, "replication"),
    ],
  };
}

/** @throws RangeError when the stage has no database */
export function tierOfDatabase({ stage, services }: StagePlan) {
  const database = services.find(({ name }) => name === "postgresql");
  if (!database) throw new RangeError(`${stage} has no database`);
  return database.tier;
}
