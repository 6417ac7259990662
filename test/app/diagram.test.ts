import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchChromium } from "../chromium.js";
import { projectRoot } from "../../src/project.js";
import { stages } from "../../src/topology/stages.js";

// The pictures with real fonts: what the layout only estimates is measured here.

let browser: Browser;
let page: Page;

beforeAll(async () => {
  browser = await launchChromium();
  page = await browser.newPage({ viewport: { width: 1040, height: 800 } });
});
afterAll(async () => {
  await browser?.close();
});

describe.each(stages)("docs/diagrams/%s.svg", (stage) => {
  beforeAll(async () => {
    await page.goto(pathToFileURL(join(projectRoot, `docs/diagrams/${stage}.svg`)).href);
  });

  it("has no words over other words, over lines or over borders", async () => {
    const collisions = await page.evaluate(`(() => {
      const boxOf = (element) => {
        const { x, y, width, height } = element.getBBox();
        return { x, y, width, height };
      };
      const meet = (a, b) =>
        a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
      const within = (a, b) =>
        a.x >= b.x && a.x + a.width <= b.x + b.width && a.y >= b.y && a.y + a.height <= b.y + b.height;
      // Letters are lower than their line.
      const texts = [...document.querySelectorAll("text")].map((element) => {
        const { x, y, width, height } = boxOf(element);
        return { text: element.textContent, box: { x, y: y + 2, width, height: height - 4 } };
      });
      const areas = [...document.querySelectorAll("rect")].map(boxOf);
      const lines = [...document.querySelectorAll("line")].map(boxOf).map((box) => ({ ...box, width: 1 }));
      const found = [];
      for (const [index, { text, box }] of texts.entries()) {
        for (const other of texts.slice(index + 1)) if (meet(box, other.box)) found.push([text, other.text]);
        for (const line of lines) if (meet(box, line)) found.push([text, "line"]);
        for (const area of areas) if (meet(box, area) && !within(box, area)) found.push([text, "border"]);
      }
      return found;
    })()`);
    expect(collisions).toEqual([]);
    expect(await page.locator("text").count()).toBeGreaterThan(10);
  });

  it("can be read on light and on dark ground", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      // WCAG 2.2, 1.4.3: the contrast of small text is at least 4.5.
      const ratios = await page.evaluate(`(() => {
        const channels = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map(Number);
        const luminance = (colour) => {
          const [r, g, b] = channels(colour).map((value) => {
            const part = value / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
          });
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const fill = (element) => getComputedStyle(element).fill;
        const areas = [...document.querySelectorAll("rect")];
        return [...document.querySelectorAll("text, tspan")].map((text) => {
          const { x, y } = (text.closest("text") ?? text).getBBox();
          const ground = areas.findLast((area) => {
            const box = area.getBBox();
            return x >= box.x && x <= box.x + box.width && y >= box.y - 1 && y <= box.y + box.height;
          });
          const [light, dark] = [luminance(fill(text)), luminance(fill(ground))].sort((a, b) => b - a);
          return { text: text.textContent, ratio: (light + 0.05) / (dark + 0.05) };
        });
      })()`);
      const low = (ratios as { text: string; ratio: number }[]).filter(({ ratio }) => ratio < 4.5);
      expect(low, colorScheme).toEqual([]);
    }
    await page.emulateMedia({ colorScheme: null });
  });
});
