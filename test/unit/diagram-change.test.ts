import { describe, expect, it } from "vitest";
import { sketchTopology } from "../../src/cli/sketch.js";
import { drawChange, pictureOfChange } from "../../src/diagram/change.js";

describe("the picture of a change", async () => {
  const { topology: droplet } = await sketchTopology("lab", "droplet");
  const { topology: split } = await sketchTopology("lab", "split");
  const there = pictureOfChange(droplet, split);
  const back = pictureOfChange(split, droplet);
  const marksOf = ({ rows }: typeof there.before) =>
    rows
      .flat()
      .flatMap(({ machines }) => machines.flatMap(({ name, mark }) => (mark ? [`${name} ${mark}`] : [])));
  const movingIn = ({ rows }: typeof there.before) =>
    rows.flat().flatMap(({ services }) => services.flatMap(({ name, moves }) => (moves ? [name] : [])));

  it("marks machines that are made and that are not needed any more, and what moves with its data", () => {
    expect([marksOf(there.before), marksOf(there.after)]).toEqual([[], ["database-1 new"]]);
    expect([marksOf(back.before), marksOf(back.after)]).toEqual([["database-1 old"], []]);
    for (const graph of [there.before, there.after, back.before, back.after])
      expect(movingIn(graph)).toEqual(["postgresql"]);
    expect(movingIn(pictureOfChange(split, split).after)).toEqual([]);
  });

  it("is an SVG with both, one below the other, that says so", () => {
    const svg = drawChange.svg(there);
    expect(svg.match(/<svg /g)).toHaveLength(1);
    expect(svg.indexOf("Before: droplet")).toBeLessThan(svg.indexOf("After: split"));
    expect(svg.split("After: split")[1]).toContain('class="machine new"');
    expect(svg.match(/class="stateful moves"/g)).toHaveLength(3); // before, after, legend
    expect(drawChange.svg(pictureOfChange(droplet, split))).toBe(svg);
  });

  it("is a Mermaid chart in which no name of one part means the other's", () => {
    const chart = drawChange.mermaid(back);
    expect(chart).toContain('before-n-pgbouncer -->|"5432 queries"| before-n-postgresql');
    expect(chart).toContain('after-n-pgbouncer -->|"Unix socket queries"| after-n-postgresql');
    expect(chart).toContain("class before-tier-database old");
    expect(chart).not.toMatch(/(?<![\w-])(n|tier)-\w/);
  });
});
