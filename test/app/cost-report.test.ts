import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { execa } from "execa";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchChromium } from "../chromium.js";
import { projectRoot } from "../../src/project.js";

let folder: string;
let browser: Browser;
let page: Page;
const problems: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dukaan-cost-"));
  const file = join(folder, "report.html");
  const main = join(projectRoot, "dist/src/cli/main.js");
  await execa(process.execPath, [main, "cost", "--stage", "anycast", "--usage", "high", "--html", file]);
  browser = await launchChromium();
  page = await browser.newPage({ viewport: { width: 1000, height: 800 } });
  page.on("console", (message) => problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("request", (request) => {
    if (!request.url().startsWith("file:")) problems.push(`asks for ${request.url()}`);
  });
  await page.goto(pathToFileURL(file).href);
});

afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

describe("the cost report in a browser", () => {
  it("needs nothing but itself, and has no error", () => {
    expect(problems).toEqual([]);
  });

  it("compares ten stages at three targets for each usage", async () => {
    const tables = page.locator("table.comparison");
    expect(await tables.count()).toBe(3);
    expect(await tables.first().locator("tbody tr").count()).toBe(10);
    expect(await tables.first().locator("tbody tr").first().locator("td").allInnerTexts()).toEqual([
      "droplet",
      "$77.90",
      "$76.16",
      "$14.52",
      // 77.90 / 14.52.
      "5.4×",
    ]);
  });

  it("shows a withheld total as such, and what has no price", async () => {
    expect(await page.locator("table.categories td.withheld").allInnerTexts()).toEqual([
      expect.stringMatching(/^withheld \(\d+ not priced\)/),
    ]);
    expect(await page.locator("ul.notes li").allInnerTexts()).toContainEqual(
      expect.stringMatching(/^not priced: hetzner\/cloud\/CPX41@ash/),
    );
  });

  it("draws a tornado for each target and a line for each of them in both curves", async () => {
    expect(await page.locator("figure.tornado").count()).toBe(3);
    expect(await page.locator("figure.tornado").first().locator("g.swing").count()).toBe(10);
    expect(await page.locator("g.curve polyline").count()).toBe(6);
  });

  it("keeps every label within its chart, and names of lines apart", async () => {
    const outside = await page.locator("svg text").evaluateAll((texts) =>
      texts
        .filter((text) => {
          const box = text.getBoundingClientRect();
          const chart = text.closest("svg")!.getBoundingClientRect();
          return box.left < chart.left - 1 || box.right > chart.right + 1 || box.bottom > chart.bottom + 1;
        })
        .map((text) => text.textContent),
    );
    expect(outside).toEqual([]);
    const overlapping = await page.locator("svg").evaluateAll((charts) =>
      charts.flatMap((chart) => {
        const boxes = [...chart.querySelectorAll(".curve text")]
          .map((text) => text.getBoundingClientRect())
          .toSorted((a, b) => a.top - b.top);
        return boxes.slice(1).filter((box, index) => box.top < boxes[index]!.bottom - 2);
      }),
    );
    expect(overlapping).toEqual([]);
  });

  it("does not scroll sideways, on a telephone neither", async () => {
    const overflow = () =>
      page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    expect(await overflow()).toBe(0);
    await page.setViewportSize({ width: 390, height: 800 });
    expect(await overflow()).toBe(0);
  });
});
