import type { Topology } from "../topology/topology.js";
import { type Graph, type Mark, graphOf } from "./graph.js";
import { drawChangeMermaid } from "./mermaid.js";
import { drawChangeSvg } from "./svg.js";

/** A stack before and after a change, with what is made, what is not needed any more, and what moves with its data. */
export interface ChangePicture {
  title: string;
  before: Graph;
  after: Graph;
}

/** Pure: the same topologies give the same picture. */
export function pictureOfChange(before: Topology, after: Topology): ChangePicture {
  const home = (topology: Topology, service: string) =>
    topology.services.find(({ name }) => name === service)?.machines.join();
  const moving = new Set(
    before.services
      .filter(({ name, stateful }) => stateful && home(before, name) !== home(after, name))
      .map(({ name }) => name),
  );
  return {
    title: `${before.stage} → ${after.stage}`,
    before: marked(`Before: ${before.stage}`, graphOf(before), after, "old", moving),
    after: marked(`After: ${after.stage}`, graphOf(after), before, "new", moving),
  };
}

export const drawChange: Record<"svg" | "mermaid", (picture: ChangePicture) => string> = {
  svg: ({ title, before, after }) => drawChangeSvg(title, before, after),
  mermaid: ({ title, before, after }) => drawChangeMermaid(title, before, after),
};

/** Marks the machines that the other topology does not have. */
function marked(
  title: string,
  graph: Graph,
  other: Topology,
  mark: Mark,
  moving: ReadonlySet<string>,
): Graph {
  const there = new Set(other.machines.map(({ name }) => name));
  return {
    ...graph,
    title,
    rows: graph.rows.map((row) =>
      row.map((box) => ({
        ...box,
        machines: box.machines.map((machine) => (there.has(machine.name) ? machine : { ...machine, mark })),
        services: box.services.map((service) =>
          moving.has(service.name) ? { ...service, moves: true } : service,
        ),
      })),
    ),
  };
}
