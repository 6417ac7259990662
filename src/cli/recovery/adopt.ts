import { mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { type Pulumi, query } from "../pulumi.js";
import type { Orphan } from "./orphans.js";
import { exportState, importState, refresh, type StateResource } from "./state.js";

/** The part of a Pulumi plan that is read here: what a preview would create, and with which inputs. */
interface Plan {
  resourcePlans: Record<string, { steps?: string[]; goal?: Goal }>;
}

interface Goal {
  type: string;
  custom?: boolean;
  inputDiff?: { adds?: Record<string, unknown> };
  parent?: string;
  provider?: string;
  protect?: boolean;
  dependencies?: string[];
  propertyDependencies?: Record<string, string[]>;
  additionalSecretOutputs?: string[];
  deletedWith?: string;
}

/**
 * Takes orphans into the state as what the program is about to create, so that it does not. The cloud's own word on
 * them is read afterwards.
 *
 * Pulumi's `import` is no way: its inputs would lack what the cloud does not tell (the public addresses that a server was
 * made with), and the next `up` would take those away from the server.
 * @returns those that the program wants
 */
export async function adopt(pulumi: Pulumi, orphans: readonly Orphan[]): Promise<Orphan[]> {
  const { resourcePlans } = await plan(pulumi);
  const adopted = orphans.flatMap((orphan) => {
    const match = Object.entries(resourcePlans).find(
      ([, { steps, goal }]) =>
        steps?.includes("create") && goal?.type === orphan.type && orphan.matches(goal.inputDiff?.adds ?? {}),
    );
    return match?.[1].goal ? [{ orphan, resource: asResource(match[0], match[1].goal, orphan.id) }] : [];
  });
  if (adopted.length === 0) return [];
  const state = await exportState(pulumi);
  state.deployment.resources = [
    ...(state.deployment.resources ?? []),
    ...adopted.map(({ resource }) => resource),
  ];
  await importState(pulumi, state);
  await refresh(
    pulumi,
    adopted.map(({ resource }) => resource.urn),
  );
  return adopted.map(({ orphan }) => orphan);
}

function asResource(urn: string, goal: Goal, id: string): StateResource {
  const inputs = goal.inputDiff?.adds ?? {};
  const { __defaults: _, ...outputs } = inputs;
  const { type, parent, provider, protect, dependencies, propertyDependencies } = goal;
  const { additionalSecretOutputs, deletedWith } = goal;
  return {
    urn,
    custom: true,
    id,
    type,
    inputs,
    outputs: { ...outputs, id },
    ...(parent && { parent }),
    ...(provider && { provider }),
    ...(protect && { protect }),
    ...(dependencies && { dependencies }),
    ...(propertyDependencies && { propertyDependencies }),
    ...(additionalSecretOutputs && { additionalSecretOutputs }),
    ...(deletedWith && { deletedWith }),
  };
}

/** A plan repeats the whole state: it goes through a named pipe, so that no copy is left on a disk. */
async function plan(pulumi: Pulumi): Promise<Plan> {
  const own = await mkdtemp(join(pulumi.stack.directory, "plan-"));
  const path = join(own, "pipe");
  try {
    await execa("mkfifo", ["-m", "0600", path]);
    const controller = new AbortController();
    const reading = readFile(path, { encoding: "utf8", signal: controller.signal });
    const [text] = await Promise.all([
      reading,
      query(pulumi, ["preview", "--save-plan", path]).catch((error: unknown) => {
        controller.abort();
        throw error;
      }),
    ]);
    return JSON.parse(text) as Plan;
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}
