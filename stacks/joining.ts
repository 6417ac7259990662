import type { Settings } from "../src/settings/schema.js";
import { tcp } from "./ground.js";
import type { StagePlan } from "./plan.js";

/**
 * A stage while its database is being moved to where another stage has it: everything stays as it is, and the other
 * stage's machine is there with a standby, or by the book with a database that waits for a dump. Whoever is a client later
 * can reach it already.
 * @throws RangeError when one of them has no database
 */
export function joining(
  stage: StagePlan,
  other: StagePlan,
  playbook: Settings["playbook"] = "standby",
): StagePlan {
  const [next, purpose] =
    playbook === "book" ? ["postgresql-copy", "dump"] : ["postgresql-standby", "replication"];
  return {
    ...stage,
    services: [...stage.services, { name: next, tier: tierOfDatabase(other), stateful: true }],
    flows: [
      ...stage.flows,
      ...other.flows
        .filter(({ to }) => to === "postgresql")
        .map((flow) => Object.assign({}, flow, { to: next })),
      tcp(next, "postgresql", 5432, purpose),
    ],
  };
}

/** @throws RangeError when the stage has no database */
export function tierOfDatabase({ stage, services }: StagePlan) {
  const database = services.find(({ name }) => name === "postgresql");
  if (!database) throw new RangeError(`${stage} has no database`);
  return database.tier;
}
