import { planText } from "../../diagram/plan.js";
import type { Stage } from "../../topology/stages.js";
import { sketchTopology } from "../sketch.js";

/** Prints the topology: machines, sizes, addresses, flows. Asks no cloud. */
export async function plan(options: { stack: string; stage?: Stage; json?: boolean }): Promise<void> {
  const { topology, note } = await sketchTopology(options.stack, options.stage);
  const text = options.json ? JSON.stringify(topology, undefined, 2) : planText(topology, note);
  process.stdout.write(`${text}\n`);
}
