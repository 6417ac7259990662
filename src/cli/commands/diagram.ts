import { type Graph, graphOf } from "../../diagram/graph.js";
import { drawMermaid } from "../../diagram/mermaid.js";
import { drawSvg } from "../../diagram/svg.js";
import type { Stage } from "../../topology/stages.js";
import { sketchTopology } from "../sketch.js";

export const formats = ["svg", "mermaid", "json"] as const;

const draw: Record<(typeof formats)[number], (graph: Graph) => string> = {
  svg: drawSvg,
  mermaid: drawMermaid,
  json: (graph) => `${JSON.stringify(graph, undefined, 2)}\n`,
};

/** Prints what runs where, and who talks to whom, as a picture. */
export async function diagram(options: {
  stack: string;
  stage?: Stage;
  format: (typeof formats)[number];
}): Promise<void> {
  const { topology, note } = await sketchTopology(options.stack, options.stage);
  process.stdout.write(draw[options.format](graphOf(topology, note)));
}
