import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectRoot } from "../../src/project.js";
import { openBrowser } from "../e2e/browser.js";
import { createLab, type Lab } from "../e2e/lab.js";
import { expectPicture, picture } from "../e2e/picture.js";
import { dayLasts } from "../indian-day.js";
import { hostTraces } from "./traces.js";
import { askTrusting } from "../e2e/trusting-request.js";

// Stage droplet as a person meets it: up, use the shop, up again, plain Pulumi, what must be refused, down, no trace.
// The steps build on one another; a step that fails makes those after it fail too.

const screenshots = join(process.env["DUKAAN_TEST_OUTPUT"] ?? tmpdir(), "dukaan-screenshots");

let lab: Lab;
let before: Set<string>;
let settingsBefore: string[];
let url: string;
let ca: string;
const get = (address: string) => askTrusting(ca, address);
/** The checkout's files that Pulumi by itself would write to. */
const settings = () =>
  Promise.all(["Pulumi.lab.yaml", "Pulumi.yaml"].map((name) => readFile(join(projectRoot, name), "utf8")));

beforeAll(async () => {
  await mkdir(screenshots, { recursive: true });
  before = await hostTraces();
  settingsBefore = await settings();
  lab = await createLab("e2e");
});
afterAll(() => lab?.remove());

describe("./dukaan up", () => {
  it("brings up a shop that answers over HTTPS under the stack's own authority", async () => {
    const result = await lab.dukaan("up", "--json");
    expect(result.stderr).not.toMatch(/unexpected error|warning:/);
    expect(result, result.stderr).toMatchObject({ exitCode: 0 });
    const up = JSON.parse(result.stdout) as { url: string; ca: string; stage: string; changes: object };
    expect(up).toMatchObject({ stage: "droplet", changes: { create: expect.any(Number) as number } });
    ({ url } = up);
    ca = await readFile(up.ca, "utf8");
    expect(url).toMatch(/^https:\/\/203\.0\.113\.\d+$/);
    expect(await get(`${url}/readyz`)).toMatchObject({ status: 200 });
  });

  it("leaves the checkout as it was", async () => {
    expect(await settings()).toEqual(settingsBefore);
  });

  it("changes nothing the second time", async () => {
    const result = await lab.dukaan("up", "--json");
    expect(result, result.stderr).toMatchObject({ exitCode: 0 });
    const { changes } = JSON.parse(result.stdout) as { changes: Record<string, number> };
    expect(Object.keys(changes)).toEqual(["same"]);
    expect(changes["same"]).toBeGreaterThan(15);
  });
});

describe("the shop in a browser without JavaScript", () => {
  it("takes a merchant from nothing to a product, and a buyer from the product to an order", async () => {
    const { browser, context } = await openBrowser(ca);
    try {
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
      page.on("response", (response) => response.status() >= 400 && complaints.push(response.url()));

      await page.goto(url);
      await page.screenshot({ path: join(screenshots, "1-home.png"), fullPage: true });
      await page.getByRole("link", { name: "Open your shop" }).click();
      await page.getByLabel("Mobile number").fill("98765 43210");
      await page.getByRole("button", { name: "Send the code" }).click();
      await page.getByRole("heading", { name: "Enter the code" }).waitFor();
      const codes = await lab.dukaan("login-code", "--json");
      expect(codes, codes.stderr).toMatchObject({ exitCode: 0 });
      const [newest] = JSON.parse(codes.stdout) as { phone: string; code: string }[];
      expect(newest?.phone).toBe("+919876543210");
      await page.getByLabel("Code", { exact: true }).fill(newest!.code);
      await page.screenshot({ path: join(screenshots, "1-code.png"), fullPage: true });
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("heading", { name: "Open your shop" }).waitFor();
      await page.getByLabel("Name of the shop").fill("Asha's Sarees");
      await page.getByLabel("Address").fill("asha-sarees");
      await page.getByRole("button", { name: "Open the shop" }).click();
      await page.getByRole("heading", { name: "Asha's Sarees is open" }).waitFor();

      await page.getByRole("link", { name: "Add your first product" }).click();
      await page.getByLabel("Name", { exact: true }).fill("Banarasi silk saree");
      await page.getByLabel("Price in rupees", { exact: true }).fill("4999.50");
      await page.getByLabel("Pieces in stock").fill("3");
      await page.getByRole("button", { name: "Add the product" }).click();
      await page.getByText("Banarasi silk saree").first().waitFor();
      await page.screenshot({ path: join(screenshots, "2-dashboard.png"), fullPage: true });
      await page.getByRole("link", { name: "Banarasi silk saree" }).click();
      await page.getByLabel("What the picture shows").fill("A red saree");
      await page.getByLabel("Picture", { exact: true }).setInputFiles(await picture());
      await page.getByRole("button", { name: "Add the picture" }).click();
      await page.getByRole("button", { name: "Take off" }).waitFor();
      await page.screenshot({ path: join(screenshots, "2-pictures.png"), fullPage: true });

      await page.goto(`${url}/s/asha-sarees`);
      await page.screenshot({ path: join(screenshots, "3-shop.png"), fullPage: true });
      await expectPicture(lab, page, get);
      await page.getByRole("link", { name: /Banarasi silk saree/ }).click();
      expect(await page.locator("main").innerText()).toContain("₹4,999.50");
      await page.screenshot({ path: join(screenshots, "4-product.png"), fullPage: true });
      await page.getByRole("button", { name: "Add to cart" }).click();
      await page.getByRole("heading", { name: "Your cart" }).waitFor();
      await page.screenshot({ path: join(screenshots, "5-cart.png"), fullPage: true });
      await page.goto(`${url}/s/asha-sarees/checkout`);
      await page.getByLabel("Your name").fill("Ravi");
      await page.getByLabel("Mobile number").fill("9876543210");
      await page.getByLabel("House, street and area").fill("12, 4th Cross, Indiranagar");
      await page.getByLabel("Town or city").fill("Bengaluru");
      await page.getByLabel("PIN code").fill("560038");
      await dayLasts(120);
      await page.getByRole("button", { name: /Place the order for ₹4,999\.50/ }).click();
      await page.getByRole("heading", { name: "Thank you, Ravi" }).waitFor();
      await page.screenshot({ path: join(screenshots, "6-order.png"), fullPage: true });
      const order = page.url();
      expect(order).toMatch(/\/o\/[\w-]{22}$/);

      await page.goto(`${url}/s/asha-sarees`);
      await page.getByRole("link", { name: /Banarasi silk saree/ }).click();
      expect(await page.locator("main").innerText()).toMatch(/\b2\b/);

      await page.goto(`${url}/admin/asha-sarees`);
      expect(await page.getByRole("definition").allInnerTexts()).toEqual(["1", "₹4,999.50"]);
      await page.getByRole("img", { name: /Revenue of the last 30 days/ }).waitFor();
      await page.screenshot({ path: join(screenshots, "7-dashboard.png"), fullPage: true });
      await page.getByRole("link", { name: /^Order \d+$/ }).click();
      await page.getByRole("button", { name: "Accept the order" }).click();
      await page.getByRole("button", { name: "It is shipped" }).click();
      await page.screenshot({ path: join(screenshots, "8-shipped.png"), fullPage: true });
      await page.goto(order);
      await page.getByRole("heading", { name: /^Your order \d+$/ }).waitFor();
      expect(await page.locator('[aria-current="step"]').innerText()).toMatch(/^Shipped/);
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
    }
  });

  it("does not show metrics to the world, and sends plain HTTP to HTTPS", async () => {
    expect((await get(`${url}/metrics`)).status).toBe(404);
    const plain = await fetch(url.replace("https:", "http:"), { redirect: "manual" });
    expect(plain.status).toBe(308);
    expect(plain.headers.get("location")).toBe(`${url}/`);
  });
});

describe("what goes over the wire", () => {
  it("is compressed by nginx, and not sent again while it is the same", async () => {
    const { body } = await get(url);
    const css = /href="(\/assets\/[^"]+\.css)"/.exec(body)?.[1] ?? "";
    const headers = { "accept-encoding": "gzip" };
    for (const path of ["/", css]) {
      const plain = await get(url + path);
      const packed = await askTrusting(ca, url + path, { headers });
      expect(packed.headers).toMatchObject({ "content-encoding": "gzip", vary: "Accept-Encoding" });
      expect(packed.body.length).toBeLessThan(plain.body.length / 2);
    }
    const { etag = "" } = (await askTrusting(ca, url, { headers })).headers;
    expect(etag).toMatch(/^W\//);
    const again = await askTrusting(ca, url, { headers: { ...headers, "if-none-match": etag } });
    expect([again.status, again.body]).toEqual([304, ""]);
  });
});

describe("the other commands", () => {
  it("outputs: the same as JSON, without secrets", async () => {
    const result = await lab.dukaan("outputs", "--json");
    const outputs = JSON.parse(result.stdout) as Record<string, unknown>;
    expect(outputs).toMatchObject({
      url,
      stage: "droplet",
      ssh: { "app-1": url.replace("https://", "root@") },
    });
    expect(result.stdout).not.toContain("PRIVATE KEY");
  });

  it("ssh: runs a command on the machine; its journal has no failed unit", async () => {
    const result = await lab.dukaan("ssh", "--", "systemctl", "--failed", "--plain", "--no-legend");
    expect(result, result.stderr).toMatchObject({ exitCode: 0, stdout: "" });
  });

  it("seed: the same stores each time, and a page of one of them", async () => {
    const first = await lab.dukaan("seed", "--stores", "5", "--products", "30");
    expect(first, first.stderr).toMatchObject({ exitCode: 0 });
    const second = await lab.dukaan("seed", "--stores", "5", "--products", "30");
    expect(second.exitCode).toBe(0);
    const { rows } = await query("SELECT count(*) FROM stores");
    expect(rows).toBe("6");
    const { rows: slug } = await query(
      "SELECT slug FROM stores WHERE slug <> 'asha-sarees' ORDER BY id LIMIT 1",
    );
    expect((await get(`${url}/s/${slug}`)).status).toBe(200);
  });

  it("flag: stops writes and lets them go on, within a second and without a release; knows no other flag", async () => {
    // A number that is none: refused, and nothing is changed, when it is looked at.
    const write = async () => {
      const { status, headers } = await askTrusting(ca, `${url}/login`, {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: "phone=1",
      });
      return [status, headers["retry-after"]];
    };
    expect(await write()).toEqual([422, undefined]);
    const on = await lab.dukaan("flag", "on", "read_only", "--json");
    expect(on, on.stderr).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(on.stdout)).toMatchObject({ changed: true });
    await expect.poll(write).toEqual([503, "5"]);
    expect((await get(`${url}/login`)).status).toBe(200);
    expect((await lab.dukaan("flag", "off", "read_only")).stdout).toMatch(/^read_only +off/);
    await expect.poll(write).toEqual([422, undefined]);
    const unknown = await lab.dukaan("flag", "on", "read_onyl");
    expect(unknown).toMatchObject({ exitCode: 2 });
    expect(unknown.stderr).toContain("read_only");
  });

  it("local status, ssh and logs", async () => {
    const status = await lab.dukaan("local", "status", "--json");
    const { running, servers } = JSON.parse(status.stdout) as {
      running: boolean;
      servers: { name: string }[];
    };
    expect(running).toBe(true);
    expect(servers).toHaveLength(1);
    const shell = await lab.dukaan("local", "ssh", servers[0]!.name, "--", "hostname");
    expect(shell).toMatchObject({ exitCode: 0, stdout: servers[0]!.name });
    const logs = await lab.dukaan("local", "logs", servers[0]!.name);
    expect(logs.stdout).toMatch(/systemd/);
  });

  it("doctor: finds everything", async () => {
    const result = await lab.dukaan("doctor", "--json");
    const reports = JSON.parse(result.stdout) as { tool: string; ok: boolean; optional?: boolean }[];
    expect(reports.filter(({ ok, optional }) => !ok && !optional)).toEqual([]);
    expect(result.exitCode).toBe(0);
  });
});

describe("plain pulumi", () => {
  it("preview and refresh see no change", async () => {
    const preview = await lab.pulumi("preview", "--expect-no-changes", "--non-interactive");
    expect(preview, preview.stdout + preview.stderr).toMatchObject({ exitCode: 0 });
    const refresh = await lab.pulumi("refresh", "--preview-only", "--expect-no-changes", "--non-interactive");
    expect(refresh, refresh.stdout + refresh.stderr).toMatchObject({ exitCode: 0 });
  });

  it("refuses in the preview what would lose the data, and tells every wrong setting at once", async () => {
    const config = join(lab.stateFolder, "project", "Pulumi.lab.yaml");
    const good = await readFile(config, "utf8");
    const withSettings = async (lines: string) => {
      await writeFile(config, good.replace("config:\n", `config:\n${lines}`));
      return lab.pulumi("preview", "--non-interactive");
    };
    try {
      const moved = await withSettings("  dukaan:location: nbg1\n");
      expect(moved.exitCode).not.toBe(0);
      expect(moved.stdout + moved.stderr).toMatch(/location.*fsn1.*nbg1/s);

      const wrong = await withSettings("  dukaan:location: mars1\n  dukaan:serverTyp: cx23\n");
      expect(wrong.exitCode).not.toBe(0);
      const told = wrong.stdout + wrong.stderr;
      expect(told).toContain("mars1");
      expect(told).toContain("dukaan:serverTyp");
      expect(told).toContain("dukaan:serverType");
      expect(told).not.toMatch(/\n\s+at .*\.js:\d+/);
    } finally {
      await writeFile(config, good);
    }
  });
});

describe("./dukaan down", () => {
  it("leaves the cloud where another stack has servers on it", async () => {
    const labels = { "dukaan-stack": "other" };
    const server = { name: "other-app-1", server_type: "local-512", image: "debian-12", labels };
    const { server: other } = await lab.cloud<{ server: { id: number } }>("POST", "/servers", {
      ...server,
      start_after_create: false,
    });
    const refused = await lab.dukaan("down");
    expect(refused, refused.stderr).toMatchObject({ exitCode: 4 });
    expect(refused.stderr).toContain("another stack has servers there: other-app-1");
    const { servers } = await lab.cloud<{ servers: { name: string }[] }>("GET", "/servers");
    expect(servers.map(({ name }) => name)).toEqual(["other-app-1"]);
    await lab.cloud("DELETE", `/servers/${other.id}`);
  });

  it("leaves nothing on the computer, and can be repeated", async () => {
    const first = await lab.dukaan("down");
    expect(first, first.stderr).toMatchObject({ exitCode: 0 });
    const after = await hostTraces();
    expect([...after].filter((line) => !before.has(line))).toEqual([]);
    expect([...before].filter((line) => !after.has(line))).toEqual([]);
    expect(existsSync(lab.stateFolder)).toBe(false);
    const second = await lab.dukaan("down");
    expect(second, second.stderr).toMatchObject({ exitCode: 0 });
  });
});

async function query(sql: string): Promise<{ rows: string }> {
  const result = await lab.dukaan(
    "ssh",
    "--",
    "runuser",
    "-u",
    "postgres",
    "--",
    "psql",
    "-qAt",
    "shop",
    "-c",
    `"${sql}"`,
  );
  expect(result, result.stderr).toMatchObject({ exitCode: 0 });
  return { rows: result.stdout.trim() };
}
