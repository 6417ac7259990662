import type { Box, Graph, Label } from "./graph.js";

/**
 * The same picture for Markdown that draws Mermaid: boxes are subgraphs, services nodes, each flow an arrow. What every
 * machine has alike is left out, as in the picture.
 */
export function drawMermaid(graph: Graph): string {
  const { title, subtitle, planned } = graph;
  return chart(`${title}${planned ? " (planned)" : ""}: ${subtitle}`, drawGraph(graph));
}

/** What is there before a change and after it, beside each other. */
export function drawChangeMermaid(title: string, before: Graph, after: Graph): string {
  const part = (name: string, graph: Graph) => [
    `  subgraph ${name}[${quoted(graph.title)}]`,
    // Names are those of one chart: each part has its own.
    ...drawGraph(graph).map(
      (line) => `  ${line.replaceAll(/(?<=^ *|subgraph |> |\| )(n|tier)-/g, `${name}-$1-`)}`,
    ),
    "  end",
  ];
  return chart(title, [
    ...part("before", before),
    ...part("after", after),
    "  classDef new stroke:#047857,stroke-width:3px",
    "  classDef old stroke:#b91c1c,stroke-dasharray:4 3",
    ...marked("before", before),
    ...marked("after", after),
  ]);
}

function marked(name: string, { rows }: Graph): string[] {
  return rows
    .flat()
    .flatMap(({ id, machines }) => machines.map(({ mark }) => mark && `  class ${name}-tier-${id} ${mark}`))
    .filter((line) => line !== undefined);
}

function chart(title: string, lines: readonly string[]): string {
  return ["---", `title: ${JSON.stringify(title)}`, "---", "flowchart TB", ...lines, ""].join("\n");
}

function drawGraph({ rows, edges }: Graph): string[] {
  const boxes = rows.flat();
  const labels = [...edges.flatMap((edge) => edge.labels), ...boxes.flatMap(({ inside }) => inside)];
  return [
    ...boxes.flatMap(drawBox),
    ...(labels.some(({ to }) => to === "world") ? [`  ${nodeId("world")}(["World"])`] : []),
    ...labels.map(drawLabel),
  ];
}

function drawBox({ id, kind, title, size, volume, services, machines }: Box): string[] {
  if (kind === "buyers") return [`  ${nodeId(id)}([${quoted(title, size)}])`];
  if (kind === "balancer") return [`  ${nodeId(services[0]!.name)}[${quoted(title, size)}]`];
  return [
    `  subgraph tier-${id}[${quoted(title, size, volume, machines.map(({ name }) => name).join(", "))}]`,
    ...services.map(({ name, stateful }) => {
      const text = quoted(name);
      return `    ${nodeId(name)}${stateful ? `[(${text})]` : `[${text}]`}`;
    }),
    "  end",
  ];
}

function drawLabel({ from, to, port, purpose }: Label): string {
  return `  ${nodeId(from)} -->|${quoted(`${port} ${purpose}`)}| ${nodeId(to)}`;
}

/** Words of Mermaid's own, e.g. `end`, must not be names. */
function nodeId(name: string): string {
  return `n-${name}`;
}

function quoted(...lines: string[]): string {
  const text = lines.filter((line) => line !== "").join("<br/>");
  return `"${text.replaceAll('"', "#quot;")}"`;
}
