import { readFileSync } from "node:fs";
import axe, { type AxeResults, type RunOptions } from "axe-core";
import { HtmlValidate } from "html-validate";
import type { Page, Response } from "playwright-core";

/** What a first visitor may have to load for a page, without pictures, as it travels: compressed, without HTTP's fields. */
export const PAGE_BYTES = 60 * 1024;

const PHONE = { width: 360, height: 740 };
const DESKTOP = { width: 1280, height: 900 };

// The standard rules are those of the HTML standard and of WCAG that can be told from the text alone.
const validator = new HtmlValidate({
  extends: ["html-validate:standard"],
});

/** Rules that depend on how the page looks and not on its markup alone. */
const LOOKS = ["color-contrast", "target-size"];

const inPage = readFileSync(new URL("in-page.js", import.meta.url), "utf8");

/** Collects what a browser complains about, and how much it loads, while pages are opened in it. */
export function watch(page: Page) {
  const complaints: string[] = [];
  const responses: Response[] = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("requestfailed", (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText}`));
  page.on("response", (response) => {
    responses.push(response);
    if (response.status() >= 400 && !response.request().isNavigationRequest())
      complaints.push(`${response.url()}: ${response.status()}`);
  });
  return {
    /** Forgets what came before. */
    reset: () => {
      complaints.length = 0;
      responses.length = 0;
    },
    /** Errors; that the page itself is an error page is none. */
    complaints: (status: number): string[] =>
      complaints.filter((text) => status < 400 || !text.includes(`status of ${status}`)),
    /** Bytes of what was loaded as they travelled, without pictures of products. */
    bytes: async () => {
      const parts = responses.filter((response) => !response.url().includes("/images/"));
      const sizes = await Promise.all(parts.map(async (response) => await response.request().sizes()));
      if (sizes.some(({ responseBodySize }) => responseBodySize <= 0))
        throw new Error("Something came from the browser's cache: this is no first visit");
      return sizes.reduce((sum, { responseBodySize }) => sum + responseBodySize, 0);
    },
  };
}

/**
 * Everything that is wrong with the page that is open, in words; it is looked at as on a phone, on a desktop and in the
 * dark.
 */
export async function findProblems(page: Page, markup: string, screenshot?: string): Promise<string[]> {
  const problems = validate(markup);
  await page.evaluate(axe.source);
  await page.evaluate(inPage);
  await page.setViewportSize(PHONE);
  problems.push(...(await structure(page)), ...(await overflow(page)), ...(await focus(page)));
  problems.push(...(await axeFindings(page, "phone")));
  if (screenshot) await page.screenshot({ path: `${screenshot}-phone.png`, fullPage: true });
  await page.emulateMedia({ colorScheme: "dark" });
  problems.push(...(await axeFindings(page, "phone in the dark", ["color-contrast"])));
  if (screenshot) await page.screenshot({ path: `${screenshot}-dark.png`, fullPage: true });
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(DESKTOP);
  problems.push(...(await overflow(page)), ...(await axeFindings(page, "desktop", LOOKS)));
  if (screenshot) await page.screenshot({ path: `${screenshot}-desktop.png`, fullPage: true });
  return problems;
}

function validate(markup: string): string[] {
  const { results } = validator.validateStringSync(markup);
  return results.flatMap(({ messages }) =>
    messages.map(
      ({ ruleId, message, line, selector }) => `HTML: ${ruleId}: ${message} (${line}, ${selector})`,
    ),
  );
}

/** What in-page.js answers. */
interface Structure {
  headings: number;
  title: string;
  lang: string;
  skipTo?: string;
  mains: number;
  inline: number;
  /** Notes that are tied to no field. */
  loose: string[];
  /** Wrong fields without a message. */
  silent: string[];
}

async function structure(page: Page): Promise<string[]> {
  const found = await page.evaluate<Structure>("inPage.structure()");
  return [
    ...(found.headings === 1 ? [] : [`${found.headings} h1`]),
    ...(found.title === "" ? ["no title"] : []),
    ...(found.lang === "en-IN" ? [] : [`lang is "${found.lang}"`]),
    ...(found.skipTo === "#main" && found.mains === 1 ? [] : ["no link that skips to the content"]),
    ...(found.inline === 0 ? [] : [`${found.inline} inline styles or scripts`]),
    ...found.loose.map((text) => `tied to no field: ${text}`),
    ...found.silent.map((id) => `wrong without a message: ${id}`),
  ];
}

/** Whether the page would have to be scrolled sideways. */
async function overflow(page: Page): Promise<string[]> {
  const { clientWidth, scrollWidth, wide } = await page.evaluate<{
    clientWidth: number;
    scrollWidth: number;
    wide: string[];
  }>("inPage.width()");
  return scrollWidth > clientWidth
    ? [`${scrollWidth} pixels wide in a window of ${clientWidth}: ${wide.join("; ")}`]
    : [];
}

/** More than any page of the tests has. */
const TABS = 200;

/** Goes through the page with the Tab key: everything that can be used is reached, and is seen when it is. */
async function focus(page: Page): Promise<string[]> {
  const problems: string[] = [];
  const usable = await page.evaluate<number>("inPage.usable()");
  let reached = 0;
  for (let tabs = 0; tabs < TABS && reached < usable; tabs++) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate<{ markup: string; outlined: boolean; inside: boolean } | undefined>(
      "inPage.look()",
    );
    // A date is one field with a stop for each of its parts.
    if (!focused) continue;
    reached++;
    if (!focused.outlined) problems.push(`focus is not visible: ${focused.markup}`);
    if (!focused.inside) problems.push(`focus is outside the window: ${focused.markup}`);
  }
  if (reached < usable) problems.push(`the Tab key reaches ${reached} of ${usable} links and fields`);
  await page.evaluate("document.activeElement.blur()");
  return problems;
}

/** Serious and critical findings of axe-core. @param only some rules; absent: all */
async function axeFindings(page: Page, where: string, only?: string[]): Promise<string[]> {
  const options: RunOptions = {
    resultTypes: ["violations"],
    ...(only ? { runOnly: { type: "rule", values: only } } : { rules: { "target-size": { enabled: true } } }),
  };
  const { violations } = await page.evaluate<AxeResults>(`axe.run(${JSON.stringify(options)})`);
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) =>
      nodes.map((node) => `axe, ${where}: ${id}: ${node.html} ${node.failureSummary}`),
    );
}
