import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { pino } from "pino";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningCloud, startCloud } from "../../local/api/start.js";
import { RecentLog } from "../../local/page/recent-log.js";
import { State } from "../../local/state/database.js";
import { ensureSchemathesis } from "../app/schemathesis.js";
import { launchChromium } from "../chromium.js";
import { MemoryHost } from "../unit/local-api-host.js";
import { token } from "../unit/local-api-client.js";

/** The API and its page as they are, on a computer that only remembers. */
let cloud: RunningCloud;
let base: string;
let browser: Browser;
const host = new MemoryHost();

beforeAll(async () => {
  const recentLog = new RecentLog();
  cloud = await startCloud({
    host,
    state: new State(":memory:"),
    slot: 0,
    token,
    logger: pino({ base: null }, recentLog),
    recentLog,
    listen: async (app) => (base = await app.listen({ host: "127.0.0.1", port: 0 })),
  });
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await cloud?.close();
});

async function call(path: string, body: object): Promise<{ server?: { id: number } }> {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${base}/v1${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  expect(answer.status).toBe(201);
  return (await answer.json()) as { server?: { id: number } };
}

async function open(path: string): Promise<{ page: Page; errors: string[] }> {
  const page = await (await browser.newContext()).newPage();
  const errors: string[] = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(`${base}${path}`);
  return { page, errors };
}

test("without the token the page says nothing of the cloud", async () => {
  for (const headers of [{}, { authorization: "Bearer wrong" }] as Record<string, string>[]) {
    expect((await fetch(`${base}/live`, { headers })).status).toBe(401);
  }
  const answer = await fetch(`${base}/`);
  expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
  const { page } = await open("/");
  await page.getByLabel("Token").fill("wrong");
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByText("This is not the token of this cloud.").waitFor();
  expect(await page.getByRole("heading", { name: "Servers" }).isVisible()).toBe(false);
  await page.context().close();
});

test("with it, it shows servers, networks, actions and the log, and follows them", async () => {
  await call("/networks", {
    name: "inside",
    ip_range: "10.0.0.0/16",
    subnets: [{ type: "cloud", ip_range: "10.0.1.0/24", network_zone: "eu-central" }],
  });
  const { page, errors } = await open(`/#token=${token}`);
  await page.getByRole("cell", { name: "10.0.0.0/16" }).waitFor();
  // Taken out of the address at once, and kept in this tab only.
  expect(page.url()).toBe(`${base}/`);
  // Markup in what clients name is text.
  const name = "<img src=x onerror=alert(1)>";
  await call("/firewalls", { name });
  await call("/servers", { name: "web", server_type: "local-512", image: "debian-12", labels: {} });
  const row = page.locator("#servers tr", { hasText: "web" });
  await row.getByRole("cell", { name: "running" }).waitFor();
  await page.locator("#actions tr", { hasText: "start_server" }).getByText("success").waitFor();
  await page.locator("#log").getByText("start_server done").first().waitFor();
  host.failing.add("powerOffMachine");
  const { servers } = (await (
    await fetch(`${base}/v1/servers`, { headers: { authorization: `Bearer ${token}` } })
  ).json()) as { servers: { id: number }[] };
  await call(`/servers/${servers[0]?.id}/actions/poweroff`, {});
  await page.locator("#actions").getByText("powerOffMachine failed").waitFor();
  host.failing.clear();
  expect(await page.locator("img").count()).toBe(0);
  expect(errors).toEqual([]);
  await page.reload();
  await page.getByRole("cell", { name: "10.0.0.0/16" }).waitFor();
  const axe = join(import.meta.dirname, "../../node_modules/axe-core/axe.min.js");
  // The page's own policy forbids foreign scripts: this one comes by the debugger.
  await page.evaluate(readFileSync(axe, "utf8"));
  const found = await page.evaluate("axe.run().then(({ violations }) => violations.map(({ id }) => id))");
  expect(found).toEqual([]);
  await page.context().close();
}, 60_000);

test("schemathesis finds on the read side no 500, no undocumented answer and none that differs", async () => {
  const schemathesis = await ensureSchemathesis();
  const folder = mkdtempSync(join(tmpdir(), "dukaan-local-openapi-"));
  try {
    const document = (await (await fetch(`${base}/v1/openapi.json`)).json()) as {
      openapi: string;
      servers: object[];
    };
    expect(document.openapi).toBe("3.1.0");
    await call("/zones", { name: "shop.example", mode: "primary" });
    // Where a path names a zone, most requests find one.
    const text = JSON.stringify(document, (_, value: unknown) =>
      (value as { name?: string } | null)?.name === "id_or_name"
        ? { ...(value as object), schema: { type: "string", enum: ["shop.example", "none.example"] } }
        : value,
    );
    const file = join(folder, "openapi.json");
    writeFileSync(file, text);
    const checks = ["not_a_server_error", "status_code_conformance", "content_type_conformance"];
    const { all, exitCode } = await execa(
      schemathesis,
      [
        ["run", file, "--url", `${base}/v1`, "--header", `Authorization: Bearer ${token}`],
        ["--include-method", "GET", "--checks", [...checks, "response_schema_conformance"].join(",")],
        ["--phases", process.env["DUKAAN_LONG"] ? "examples,coverage,fuzzing" : "fuzzing"],
        ["--max-examples", process.env["DUKAAN_LONG"] ? "50" : "4"],
        ["--seed", "1", "--no-shrink", "--continue-on-failure"],
      ].flat(),
      { cwd: folder, all: true, reject: false, timeout: process.env["DUKAAN_LONG"] ? 900_000 : 150_000 },
    );
    expect(all).toMatch(/[1-9]\d* generated|[1-9]\d* passed/);
    expect(exitCode, all).toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 1_000_000);
