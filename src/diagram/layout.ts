import type { Box, Edge, Graph, Label } from "./graph.js";
import { textWidth } from "./text-width.js";

/** Where everything is, in pixels from the top left. */
export interface Picture {
  width: number;
  height: number;
  boxes: PlacedBox[];
  edges: PlacedEdge[];
  /** Where the part below the boxes begins. */
  footer: number;
}

export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface PlacedBox extends Rectangle {
  box: Box;
  /** Size and volume; beside the title when there is room, else below it. */
  size: Line[];
  chips: (Rectangle & Box["services"][number])[];
  machines: (Rectangle & Box["machines"][number])[];
  inside: Line[];
}

/** A line of text. A flow's has its parts. */
export interface Line {
  x: number;
  y: number;
  text: string;
  anchor?: "end";
  flow?: Flow;
}

/** What of a flow a line has: all of it, or its head and the purpose below. */
export interface Flow {
  label: Label;
  part: "whole" | "head" | "purpose";
}

export interface PlacedEdge {
  edge: Edge;
  x: number;
  from: number;
  to: number;
  /** Lines of text beside it. */
  lines: Line[];
}

export const page = { width: 1040, margin: 32, header: 92 };
export const sizes = { title: 15, text: 12, small: 11 };

const columnGap = 20;
/** Lines between rows stand so far from a column's left. */
const lineAt = 32;
const padding = 16;
const lineHeight = 16;
const machineSize = { width: 132, height: 36, gap: 8 };
const chipHeight = 22;
/** From here on a box has a left and a right. */
const wideFrom = 600;
const rightColumn = 440;

/** Rows of boxes over the whole width, so that every line between two rows is straight. */
export function layOutGraph({ rows, edges }: Graph): Picture {
  const boxes: PlacedBox[] = [];
  const placedEdges: PlacedEdge[] = [];
  let y = page.header;
  for (const [index, row] of rows.entries()) {
    if (index > 0) {
      const gap = gapAbove(index, rows, edges, boxes);
      placedEdges.push(...gap.edges.map((make) => make(y)));
      y += gap.height;
    }
    const placed = placeRow(row, y);
    boxes.push(...placed);
    y += placed[0]!.height;
  }
  return { width: page.width, height: y, boxes, edges: placedEdges, footer: y + 28 };
}

function placeRow(row: readonly Box[], y: number): PlacedBox[] {
  const columns = columnsOf(row);
  const placed = row.map((box, index) => placeBox(box, { ...columns[index]!, y, height: 0 }));
  const height = Math.max(...placed.map((box) => box.height));
  for (const box of placed) box.height = height;
  return placed;
}

function columnsOf(row: readonly Box[]): { x: number; width: number }[] {
  const width = (page.width - 2 * page.margin - (row.length - 1) * columnGap) / row.length;
  return row.map((_, index) => ({ x: page.margin + index * (width + columnGap), width }));
}

/**
 * Contents from the top: title and size, services, machines, what they say inside. In a wide box machines stand at the
 * right.
 */
function placeBox(box: Box, place: Rectangle): PlacedBox {
  const { x, y, width } = place;
  const inner = width - 2 * padding;
  const isWide = width > wideFrom;
  const sizeTexts = [box.size, box.volume].filter((text) => text !== "");
  const size = sizeTexts.map((text, index): Line =>
    isWide
      ? { x: x + width - padding, y: y + 30 + index * 18, text, anchor: "end" }
      : { x: x + padding, y: y + 48 + index * 18, text },
  );
  const head = y + padding + 16 + (isWide ? 0 : sizeTexts.length * 18);

  const chips = flow(
    box.services.map((service) => ({
      ...service,
      width: textWidth(service.name, sizes.text) + (service.stateful ? 34 : 20),
      height: chipHeight,
    })),
    { x: x + padding, y: head + 10, width: isWide ? inner - rightColumn : inner },
    6,
  );
  const belowChips = chips.length > 0 ? chips.at(-1)!.y + chipHeight : head;

  const rowOfMachines = Math.min(box.machines.length, 3);
  const machinesWidth = rowOfMachines * (machineSize.width + machineSize.gap) - machineSize.gap;
  const machines = flow(
    box.machines.map((machine) => ({ ...machine, ...machineSize })),
    isWide
      ? {
          x: x + width - padding - machinesWidth,
          y: y + 30 + 12 + (sizeTexts.length - 1) * 18,
          width: machinesWidth,
        }
      : { x: x + padding, y: belowChips + 10, width: inner },
    machineSize.gap,
  );
  const belowMachines = machines.length > 0 ? machines.at(-1)!.y + machineSize.height : head;

  const inside = placeInside(box.inside, {
    x: x + padding,
    y: (isWide ? belowChips : belowMachines) + 8,
    width: isWide && box.machines.length > 0 && box.inside.length <= 4 ? inner - rightColumn : inner,
    ...(isWide && box.inside.length > 4 && { y: Math.max(belowChips, belowMachines) + 8 }),
  });
  const bottom = Math.max(belowChips, belowMachines, ...inside.map((line) => line.y + 4));
  return { box, x, y, width, height: bottom + padding - y, size, chips, machines, inside };
}

/** Puts things beside one another, and below where there is no more room. */
function flow<Thing extends { width: number; height: number }>(
  things: readonly Thing[],
  area: { x: number; y: number; width: number },
  gap: number,
): (Thing & Rectangle)[] {
  let { x, y } = area;
  return things.map((thing) => {
    if (x > area.x && x + thing.width > area.x + area.width) {
      x = area.x;
      y += thing.height + gap;
    }
    const placed = { ...thing, x, y };
    x += thing.width + gap;
    return placed;
  });
}

/** Flows, one below the other; in columns when there are many and they fit. */
function placeInside(
  labels: readonly Label[],
  area: { x: number; y: number; width: number },
): PlacedBox["inside"] {
  const widest = Math.max(...labels.map(widthOf), 1);
  const fitting = Math.max(1, Math.min(3, Math.floor((area.width + 24) / (widest + 24))));
  const columns = labels.length > 4 ? fitting : 1;
  const width = area.width / columns;
  const perColumn = Math.ceil(labels.length / columns);
  let row = 0;
  return labels.flatMap((label, index) => {
    if (index % perColumn === 0) row = 0;
    const x = area.x + Math.floor(index / perColumn) * width;
    return linesOf(label, width).map(({ text, flow: part }) => ({
      text,
      flow: part,
      x,
      y: area.y + ++row * lineHeight,
    }));
  });
}

/** How high the gap above a row must be for what is written there, and what is drawn in it. */
function gapAbove(
  index: number,
  rows: readonly Box[][],
  edges: readonly Edge[],
  placed: readonly PlacedBox[],
): { height: number; edges: ((top: number) => PlacedEdge)[] } {
  const [above, below] = [rows[index - 1]!, rows[index]!];
  const columns = new Map(below.map((box, at) => [box.id, columnsOf(below)[at]!]));
  const between = edges.flatMap((edge) => {
    const down = above.some(({ id }) => id === edge.from) && columns.has(edge.to);
    const up = above.some(({ id }) => id === edge.to) && columns.has(edge.from);
    if (!down && !up) return [];
    const upper = placed.find(({ box }) => box.id === (down ? edge.from : edge.to))!;
    const lower = columns.get(down ? edge.to : edge.from)!;
    const left = Math.max(upper.x, lower.x);
    const right = Math.min(upper.x + upper.width, lower.x + lower.width);
    return [{ edge, down, left, room: right - left }];
  });
  const written = between.map(({ edge, room }) =>
    edge.labels.flatMap((label) => linesOf(label, room - lineAt - 30)),
  );
  const height = Math.max(36, ...written.map((lines) => lines.length * lineHeight + 30));
  return {
    height,
    edges: between.map(({ edge, down, left, room }, at) => (top) => {
      const lines = written[at]!;
      // Where a line is in the middle one of three columns, so that lines stand below one another.
      const x = left + (room > wideFrom ? (room + columnGap) / 3 : 0) + lineAt;
      const first = top + (height - lines.length * lineHeight) / 2 + 12;
      return {
        edge,
        x,
        from: down ? top : top + height,
        to: down ? top + height : top,
        lines: lines.map(({ text, flow: part }, row) => ({
          text,
          flow: part,
          x: x + 14,
          y: first + row * lineHeight,
        })),
      };
    }),
  };
}

/** A flow in one line, or its purpose in a second one where there is no room. */
function linesOf(label: Label, width: number): { text: string; flow: Flow }[] {
  const head = `${partiesOf(label)} ${label.port}`;
  if (widthOf(label) <= width) {
    return [{ text: `${head} ${label.purpose}`, flow: { label, part: "whole" } }];
  }
  return [
    { text: head, flow: { label, part: "head" } },
    { text: label.purpose, flow: { label, part: "purpose" } },
  ];
}

function widthOf(label: Label): number {
  const head = textWidth(`${partiesOf(label)} ${label.port} `, sizes.small, true);
  return head + textWidth(label.purpose, sizes.small);
}

/** Who talks to whom, as it stands in the picture. */
export function partiesOf({ from, to }: Label): string {
  return `${from} → ${to}`;
}
