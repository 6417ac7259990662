import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sketchTopology } from "../../src/cli/sketch.js";
import { graphOf } from "../../src/diagram/graph.js";
import { type Rectangle, layOutGraph, page, sizes } from "../../src/diagram/layout.js";
import { drawMermaid } from "../../src/diagram/mermaid.js";
import { planText } from "../../src/diagram/plan.js";
import { drawSvg } from "../../src/diagram/svg.js";
import { textWidth } from "../../src/diagram/text-width.js";
import { projectRoot } from "../../src/project.js";
import { isBuilt, stages } from "../../src/topology/stages.js";
import type { Flow } from "../../src/topology/topology.js";

const read = (path: string) => readFileSync(join(projectRoot, path), "utf8");

const apart = (a: Rectangle, b: Rectangle) =>
  a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;

describe.each(stages)("the picture of stage %s", async (stage) => {
  const { topology, note } = await sketchTopology("lab", stage);
  const graph = graphOf(topology, note);
  const { boxes, edges } = layOutGraph(graph);
  const home = topology.regions[0]!.name;
  const machines = topology.machines.filter(({ region }) => region === home);

  it("is what docs/diagrams shows; if not: ./dukaan diagram --stage STAGE > docs/diagrams/STAGE.svg", () => {
    expect(read(`docs/diagrams/${stage}.svg`)).toBe(drawSvg(graph));
  });

  it("has every machine of the home with its size, and every service once", () => {
    const drawn = boxes.flatMap((box) => box.machines.map(({ name, address }) => `${name} ${address}`));
    expect(drawn.toSorted()).toEqual(
      machines.map(({ name, privateAddress }) => `${name} ${privateAddress}`).toSorted(),
    );
    for (const { name, serverType, cores } of machines) {
      const { box } = boxes.find((candidate) => candidate.machines.some((machine) => machine.name === name))!;
      expect(box.size).toContain(` × ${serverType}`);
      expect(box.size).toContain(` ${cores} core`);
    }
    const services = boxes
      .filter(({ box }) => box.kind !== "balancer")
      .flatMap(({ chips }) => chips.map(({ name }) => name));
    expect(services.toSorted()).toEqual(
      topology.services
        .map(({ name }) => name)
        .filter((name) => name !== "system")
        .toSorted(),
    );
  });

  it("says every flow", () => {
    const labels = [...edges.flatMap(({ edge }) => edge.labels), ...boxes.flatMap(({ box }) => box.inside)];
    const balancer = topology.loadBalancers?.[0];
    const portOf = (flow: Flow) =>
      "port" in flow ? String(flow.port) : flow.protocol === "unix" ? "Unix socket" : "ICMP";
    const isEverywhere = ({ from, to }: Flow) => from === "system" || to === "system";
    for (const flow of topology.flows.filter(isEverywhere)) {
      expect(graph.everywhere.join("\n")).toContain(`${portOf(flow)} ${flow.purpose}`);
    }
    for (const flow of topology.flows.filter((candidate) => !isEverywhere(candidate))) {
      const from = flow.from === "world" ? "buyers" : flow.from;
      const said = labels.filter(
        (label) =>
          (label.from === from || label.from === balancer?.name) &&
          label.to === flow.to &&
          label.port.endsWith(portOf(flow)) &&
          label.purpose === flow.purpose,
      );
      expect(said.length, `${from} → ${flow.to} ${portOf(flow)}`).toBeGreaterThan(0);
    }
  });

  it("says whether it is planned", () => {
    expect(graph.planned).toBe(!isBuilt(stage));
    expect(drawSvg(graph).includes(">planned<")).toBe(!isBuilt(stage));
  });

  it("lets no boxes overlap, keeps everything inside of them, and lines out of them", () => {
    for (const [index, a] of boxes.entries()) {
      expect(a.x).toBeGreaterThanOrEqual(page.margin);
      expect(a.x + a.width).toBeLessThanOrEqual(page.width - page.margin + 0.1);
      for (const b of boxes.slice(index + 1)) expect(apart(a, b), `${a.box.id} ${b.box.id}`).toBe(true);
      const parts = [...a.chips, ...a.machines];
      for (const part of parts) {
        expect(part.x).toBeGreaterThan(a.x);
        expect(part.x + part.width, part.name).toBeLessThan(a.x + a.width);
        expect(part.y + part.height, part.name).toBeLessThan(a.y + a.height);
      }
      for (const [at, part] of parts.entries()) {
        for (const other of parts.slice(at + 1)) expect(apart(part, other)).toBe(true);
      }
    }
    for (const { x, from, to, lines, edge } of edges) {
      const line = { x, y: Math.min(from, to), width: 1, height: Math.abs(to - from) };
      for (const box of boxes) expect(apart(line, box), `${edge.from} ${edge.to} ${box.box.id}`).toBe(true);
      for (const { x: left, y, text } of lines) {
        const words = { x: left, y: y - 10, width: textWidth(text, sizes.small), height: 12 };
        for (const box of boxes) expect(apart(words, box), text).toBe(true);
        const beside = edges.filter((other) => other.from === from && other.to === to);
        for (const other of beside) expect(apart(words, { ...line, x: other.x }), text).toBe(true);
      }
    }
  });

  it("is the same in Mermaid: nodes before arrows, every flow an arrow", () => {
    const lines = drawMermaid(graph).split("\n");
    const nodes = new Set(lines.flatMap((line) => /^ +(n-[\w-]+)[[(]/.exec(line)?.[1] ?? []));
    const arrows = lines.flatMap((line) => {
      const [, from, to] = /^ {2}(n-[\w-]+) -->\|"[^"]+"\| (n-[\w-]+)$/.exec(line) ?? [];
      return from === undefined ? [] : [[from, to!]];
    });
    for (const end of arrows.flat().filter((name) => name !== "n-world")) expect(nodes).toContain(end);
    const labels = [
      ...graph.edges.flatMap((edge) => edge.labels),
      ...graph.rows.flat().flatMap((box) => box.inside),
    ];
    expect(arrows).toHaveLength(labels.length);
  });

  it("is a table too", () => {
    const text = planText(topology, note);
    for (const { name, privateAddress, serverType } of topology.machines) {
      expect(text).toMatch(
        new RegExp(`^${name} .* ${serverType} .* ${privateAddress.replaceAll(".", "\\.")} `, "m"),
      );
    }
    for (const { from, to, purpose } of topology.flows) {
      expect(text).toMatch(new RegExp(`^${from} +${to} .*${purpose}$`, "m"));
    }
    expect(text.includes("(planned: ")).toBe(!isBuilt(stage));
  });
});

describe("the last stage", () => {
  it("shows each region with its place and its machines", async () => {
    const { topology } = await sketchTopology("lab", "anycast");
    const { regions } = graphOf(topology);
    expect(regions).toHaveLength(9);
    expect(regions[1]).toMatchObject({ name: "mumbai", place: "Singapore (sin)", range: "10.11.0.0/16" });
    expect(regions[1]?.remark).toMatch(/^Hetzner has no location in Mumbai/);
    expect(regions[0]?.tiers).toContain("3 × AX42-1 cluster nodes");
  });
});

describe("docs", () => {
  it("show every picture", () => {
    for (const stage of stages) expect(read("docs/diagrams/README.md")).toContain(`](${stage}.svg)`);
    expect(read("README.md")).toContain("](docs/diagrams/droplet.svg)");
  });
});
