import type { Box, Graph, Label } from "./graph.js";

/**
 * The same picture for Markdown that draws Mermaid: boxes are subgraphs, services nodes, each flow an arrow. What every
 * machine has alike is left out, as in the picture.
 */
export function drawMermaid({ title, subtitle, planned, rows, edges }: Graph): string {
  const boxes = rows.flat();
  const labels = [...edges.flatMap((edge) => edge.labels), ...boxes.flatMap(({ inside }) => inside)];
  return [
    "---",
    `title: ${JSON.stringify(`${title}${planned ? " (planned)" : ""}: ${subtitle}`)}`,
    "---",
    "flowchart TB",
    ...boxes.flatMap(drawBox),
    ...(labels.some(({ to }) => to === "world") ? [`  ${nodeId("world")}(["World"])`] : []),
    ...labels.map(drawLabel),
    "",
  ].join("\n");
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
