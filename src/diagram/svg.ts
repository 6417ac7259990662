// Not called html: formatters would break lines within texts, where white space counts.
import { html as markup } from "ghtml";
import type { Graph, RegionCard } from "./graph.js";
import {
  type Line,
  type PlacedBox,
  type PlacedEdge,
  type Rectangle,
  layOutGraph,
  page,
  partiesOf,
  sizes,
} from "./layout.js";
import { changeStyle, style } from "./style.js";
import { textWidth, wrap } from "./text-width.js";

/** A part of the page below the boxes. */
interface Section {
  drawn: string;
  bottom: number;
}

const right = page.width - page.margin;

/** @returns an SVG that stands by itself: no script, nothing to load */
export function drawSvg(graph: Graph): string {
  const { edges, boxes, footer } = layOutGraph(graph);
  const regions = drawRegions(graph.regions, footer);
  const legend = drawFooter(graph, regions.bottom);
  const body = [
    drawHeader(graph),
    ...edges.map(drawEdge),
    ...boxes.map(drawBox),
    regions.drawn,
    legend.drawn,
  ];
  return document(`${graph.title}: what runs where`, body.join(""), legend.bottom);
}

/**
 * What is there before a change and after it, one below the other.
 * @returns an SVG that stands by itself: no script, nothing to load
 */
export function drawChangeSvg(title: string, before: Graph, after: Graph): string {
  const parts = [before, after].map((graph) => {
    const { edges, boxes, height } = layOutGraph(graph);
    return { drawn: [drawHeader(graph), ...edges.map(drawEdge), ...boxes.map(drawBox)].join(""), height };
  });
  const below = parts[0]!.height;
  const legend = drawChangeLegend(below + parts[1]!.height + 24);
  const body = markup`!${parts[0]!.drawn}<g transform="translate(0 ${round(below)})">
!${parts[1]!.drawn}</g>
!${legend.drawn}`;
  return document(title, body, legend.bottom, style + changeStyle);
}

function document(title: string, body: string, bottom: number, styles = style): string {
  const height = Math.ceil(bottom + page.margin);
  return `${markup`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${page.width} ${height}" role="img" aria-label="${title}">
<title>${title}</title>
<style>${styles}
</style>
<rect class="page" width="${page.width}" height="${height}" rx="12"/>
!${body}</svg>`}\n`;
}

function drawChangeLegend(top: number): Section {
  const y = top + 10;
  const x = page.margin;
  const sample = (kind: string, left: number) =>
    rectangle(kind, { x: left, y: y - 12, width: 24, height: 16 }, 6);
  const drawn = [
    sample("machine new", x),
    text("small", { x: x + 32, y, text: "made" }),
    sample("machine old", x + 90),
    text("small", { x: x + 122, y, text: "not needed any more; kept until --finish" }),
    sample("stateful moves", x + 380),
    text("small", { x: x + 412, y, text: "moves, with its data" }),
  ];
  return { drawn: drawn.join(""), bottom: y };
}

function drawHeader({ title, subtitle, planned }: Graph): string {
  const x = page.margin + textWidth(title, 24, true) + 12;
  const mark = markup`<rect class="planned" x="${round(x)}" y="29" width="76" height="24" rx="12"/>
<text class="planned-text" x="${round(x + 38)}" y="45" text-anchor="middle">planned</text>
`;
  return markup`<text class="title" x="${page.margin}" y="48">${title}</text>
<text class="subtitle" x="${page.margin}" y="72">${subtitle}</text>
!${planned ? mark : ""}`;
}

function drawBox({ box, size, chips, machines, inside, ...place }: PlacedBox): string {
  const { x, y, height } = place;
  const bar = { x, y: y + 12, width: 4, height: height - 24 };
  return markup`<g>
!${rectangle("box", place, 10)}!${rectangle(box.kind, bar, 2)}!${text("name", { x: x + 16, y: y + 30, text: box.title })}!${size.map((line) => text("text", line))}!${chips.map(drawChip)}!${machines.map(drawMachine)}!${inside.map((line) => text("small", line))}</g>
`;
}

function drawChip({ name, stateful, moves, ...place }: PlacedBox["chips"][number]): string {
  const { x, y } = place;
  const disk = `M${round(x + 10)} ${round(y + 8)}v6a4.5 2 0 0 0 9 0v-6a4.5 2 0 0 0 -9 0a4.5 2 0 0 0 9 0`;
  const kind = stateful ? "stateful" : "service";
  return markup`!${rectangle(moves ? `${kind} moves` : kind, place, 11)}!${stateful ? `${markup`<path class="disk" d="${disk}"/>`}\n` : ""}!${text(`${kind}-text`, { x: x + (stateful ? 24 : 10), y: y + 15, text: name })}`;
}

function drawMachine({ name, address, publicIpv4, mark, ...place }: PlacedBox["machines"][number]): string {
  const { x, y, width } = place;
  return [
    rectangle(mark === undefined ? "machine" : `machine ${mark}`, place, 6),
    mark === undefined
      ? ""
      : text(`small mark-${mark}`, { x: x + width - 9, y: y + 29, text: mark, anchor: "end" }),
    text("small strong", { x: x + 9, y: y + 15, text: name }),
    text("small", { x: x + 9, y: y + 29, text: address }),
    publicIpv4 ? dot(x + width - 11, y + 11) : "",
  ].join("");
}

function drawEdge({ edge, x, from, to, lines }: PlacedEdge): string {
  const down = to > from ? 1 : -1;
  const tip = (at: number, way: number) =>
    `${markup`<path class="tip" d="M${round(x)} ${round(at)}l-5 ${-9 * way}h10z"/>`}\n`;
  const [start, end] = [edge.both ? from + 8 * down : from, to - 8 * down];
  return markup`<g>
<line class="line" x1="${round(x)}" x2="${round(x)}" y1="${round(start)}" y2="${round(end)}"/>
!${tip(to, down)}!${edge.both ? tip(from, -down) : ""}!${lines.map((line) => text("small", line))}</g>
`;
}

/** Three regions in a row, each with what it has. */
function drawRegions(cards: readonly RegionCard[], top: number): Section {
  if (cards.length === 0) return { drawn: "", bottom: top };
  const width = (right - page.margin - 40) / 3;
  const contents = cards.map(({ remark }) => (remark === "" ? [] : wrap(remark, sizes.small, width - 32)));
  const heights = cards.map(({ tiers }, index) => 76 + (tiers.length + contents[index]!.length) * 16);
  let y = top + 30;
  const drawn = cards.map((card, index) => {
    const row = index - (index % 3);
    const height = Math.max(...heights.slice(row, row + 3));
    const x = page.margin + (index % 3) * (width + 20);
    const region = drawRegion(card, contents[index]!, { x, y, width, height });
    if (index % 3 === 2 || index === cards.length - 1) y += height + 16;
    return region;
  });
  const title = text("name", { x: page.margin, y: top + 16, text: "Regions" });
  return { drawn: title + drawn.join(""), bottom: y + 12 };
}

function drawRegion(
  { name, place, range, tiers }: RegionCard,
  remark: readonly string[],
  rect: Rectangle,
): string {
  const { x, y, width } = rect;
  const at = (line: number) => ({ x: x + 16, y: y + 72 + line * 16 });
  return markup`<g>
!${rectangle("box", rect, 10)}!${text("name", { x: x + 16, y: y + 28, text: name })}!${text("small", { x: x + width - 16, y: y + 28, text: place, anchor: "end" })}!${text("small", { x: x + 16, y: y + 48, text: range })}!${tiers.map((tier, line) => text("small strong", { ...at(line), text: tier }))}!${remark.map((part, line) => text("small", { ...at(tiers.length + line + 0.25), text: part }))}</g>
`;
}

/** What holds everywhere, and what the signs mean. */
function drawFooter({ everywhere }: Graph, top: number): Section {
  const x = page.margin;
  const lines = everywhere.flatMap((line) => wrap(line, sizes.small, right - x));
  const y = top + 42 + lines.length * 16;
  const drawn = [
    text("small strong", { x, y: top + 10, text: "Every machine" }),
    ...lines.map((line, index) => text("small", { x, y: top + 28 + index * 16, text: line })),
    dot(x + 4, y - 4),
    text("small", { x: x + 14, y, text: "public IPv4" }),
    rectangle("stateful", { x: x + 100, y: y - 12, width: 24, height: 16 }, 8),
    text("small", { x: x + 132, y, text: "keeps data" }),
    text("small", { x: x + 220, y, text: "numbers are TCP ports unless said otherwise" }),
  ];
  return { drawn: drawn.join(""), bottom: y };
}

/** A line of text; a flow's ports stand out. */
function text(kind: string, { x, y, text: content, anchor, flow }: Line): string {
  const end = anchor === "end" ? ' text-anchor="end"' : "";
  const whole =
    flow === undefined || flow.part === "purpose"
      ? markup`${content}`
      : markup`<tspan class="strong">${partiesOf(flow.label)}</tspan> <tspan class="port">${flow.label.port}</tspan>${flow.part === "whole" ? ` ${flow.label.purpose}` : ""}`;
  return `${markup`<text class="${kind}" x="${round(x)}" y="${round(y)}"!${end}>!${whole}</text>`}\n`;
}

function rectangle(kind: string, { x, y, width, height }: Rectangle, radius: number): string {
  return `${markup`<rect class="${kind}" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" rx="${radius}"/>`}\n`;
}

function dot(x: number, y: number): string {
  return `${markup`<circle class="public" cx="${round(x)}" cy="${round(y)}" r="3.5"/>`}\n`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
