import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectRoot } from "../../src/project.js";
import { ensureToolchain } from "../../toolchain/index.js";

// What a person gets wrong before anything is there: told at once, all of it, and nothing is changed.

let folder: string;
let prod: string;
let fake: Server;
let endpoint: string;
const token = "t".repeat(64);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dukaan-bad-"));
  prod = await readFile(join(projectRoot, "Pulumi.prod.yaml"), "utf8");
  // A cloud that knows nobody, and a server that is no cloud.
  fake = createServer((request, response) => {
    if (request.url?.startsWith("/other")) return response.end("<html>It works!</html>");
    response.statusCode = 401;
    return response.end('{"error":{"code":"unauthorized","message":"unable to authenticate"}}');
  });
  await new Promise<void>((resolve) => fake.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${(fake.address() as AddressInfo).port}`;
});
afterAll(async () => {
  fake?.close();
  await rm(folder, { recursive: true, force: true });
});

describe("./dukaan up with wrong settings", () => {
  it("tells every one of them with what to do instead, and starts nothing", async () => {
    const result = await dukaan({}, "up", "--stack", "prod", "--yes", "--stage", "dropplet");
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain("settings are wrong (Pulumi.prod.yaml); nothing was changed.");
    expect(result.stderr).toMatch(/dukaan:stage is "dropplet"; allowed are .*\n +→ Did you mean droplet\?/);
    expect(result.stderr).toMatch(/dukaan:operatorCidrs is empty.*\n +→ Set it to your own address/);
    expect(result.stderr).toMatch(/hcloud:token is missing.*\n +→ Make one in the Hetzner console/);
    expect(result.stderr).not.toMatch(/\n\s+at /);
    await expectNothing();
  });

  it("names a token of the wrong length and an endpoint that is none, together", async () => {
    const result = await dukaan(
      { HCLOUD_TOKEN: "short", HCLOUD_ENDPOINT: "not a url" },
      "up",
      "--stack",
      "prod",
      "--yes",
    );
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain("hcloud:token has 5 characters; a token has 64");
    expect(result.stderr).toContain('hcloud:endpoint "not a url" is not a URL');
    expect(result.stderr).toContain("dukaan:operatorCidrs is empty");
    await expectNothing();
  });

  it("a stack that does not exist is named with its file", async () => {
    const result = await dukaan({}, "up", "--stack", "nowhere");
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain("Pulumi.nowhere.yaml does not exist");
    await expectNothing();
  });
});

describe("./dukaan up with an access that does not work", () => {
  it("a token that the cloud refuses", async () => {
    const result = await dukaan(
      { HCLOUD_TOKEN: token, HCLOUD_ENDPOINT: `${endpoint}/v1` },
      "up",
      "--stack",
      "prod",
      "--yes",
    );
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain(`the cloud at ${endpoint}/v1 refuses the token`);
    expect(result.stderr).toContain("set HCLOUD_TOKEN. Nothing was changed.");
    expect(result.stderr).not.toContain(token);
    await expectNothing();
  });

  it("an endpoint where another server is, and one where nobody is", async () => {
    const other = await dukaan(
      { HCLOUD_TOKEN: token, HCLOUD_ENDPOINT: `${endpoint}/other` },
      "up",
      "--stack",
      "prod",
      "--yes",
    );
    expect(other.exitCode).toBe(1);
    expect(other.stderr).toContain(`${endpoint}/other is no Hetzner Cloud`);
    const nobody = await dukaan(
      { HCLOUD_TOKEN: token, HCLOUD_ENDPOINT: "http://127.0.0.1:9/v1" },
      "up",
      "--stack",
      "prod",
      "--yes",
    );
    expect(nobody.exitCode).toBe(1);
    expect(nobody.stderr).toMatch(/the cloud at http:\/\/127\.0\.0\.1:9\/v1 does not answer: .+/);
    expect(nobody.stderr).toContain("Check hcloud:endpoint");
    await expectNothing();
  });
});

describe("plain pulumi above the budget", () => {
  it("fails before it makes anything, unless it is told otherwise", async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), "dukaan-budget-"));
    try {
      const config = join(elsewhere, "Pulumi.prod.yaml");
      const settings = {
        "dukaan:operatorCidrs": ["198.51.100.7/32"],
        "dukaan:backup": "none",
        "dukaan:images": "none",
        "dukaan:sms": "log",
        "dukaan:serverType": "cx33",
        "dukaan:monthlyBudget": 5,
      };
      await writeFile(config, JSON.stringify({ config: settings }));
      const { pulumi, env: tools } = await ensureToolchain();
      const env = {
        ...tools,
        PULUMI_BACKEND_URL: `file://${elsewhere}`,
        PULUMI_CONFIG_PASSPHRASE: "x",
        PULUMI_OPTION_CONFIG_FILE: config,
        HCLOUD_TOKEN: token,
      };
      const run = (more: Record<string, string>, args: string[], cwd = projectRoot) =>
        execa(pulumi, [...args, "--stack", "prod", "--non-interactive"], {
          cwd,
          env: { ...env, ...more },
          reject: false,
          all: true,
        });
      // It writes its salt beside the Pulumi.yaml of its folder: not into the checkout.
      await writeFile(join(elsewhere, "Pulumi.yaml"), "name: dukaan\nruntime: nodejs\n");
      await run({}, ["stack", "init", "--no-select"], elsewhere);
      const refused = await run({}, ["up", "--yes", "--skip-preview"]);
      expect(refused.exitCode).not.toBe(0);
      expect(refused.all).toContain("it would cost €8.99 a month, more than dukaan:monthlyBudget (€5)");
      expect(refused.all).toMatch(/Nothing was changed\. .*DUKAAN_OVER_BUDGET=yes/);
      expect(refused.all).not.toMatch(/hcloud:|random:|dukaan:index|\n\s+at /);
      // Then the program goes on, to what else is missing here.
      const allowed = await run({ DUKAAN_OVER_BUDGET: "yes" }, ["preview"]);
      expect(allowed.all).not.toContain("monthlyBudget");
      expect(allowed.all).toContain("DUKAAN_NODE_RUNTIME is not set");
      expect(await readFile(join(projectRoot, "Pulumi.prod.yaml"), "utf8")).toBe(prod);
    } finally {
      await rm(elsewhere, { recursive: true, force: true });
    }
  });
});

function dukaan(more: Record<string, string>, ...args: string[]) {
  const env = {
    DUKAAN_INSTANCE: "bad",
    DUKAAN_STATE: join(folder, "state"),
    DUKAAN_LOCAL_HOME: join(folder, "local"),
    PULUMI_BACKEND_URL: `file://${folder}`,
    PULUMI_CONFIG_PASSPHRASE: "x",
    HCLOUD_TOKEN: "",
    HCLOUD_ENDPOINT: "",
    NO_COLOR: "1",
    ...more,
  };
  return execa(join(projectRoot, "dukaan"), args, { env, reject: false, stdin: "ignore" });
}

/** No state, no local cloud, no stack, no line in the settings. */
async function expectNothing(): Promise<void> {
  expect(await readdir(folder)).toEqual([]);
  expect(await readFile(join(projectRoot, "Pulumi.prod.yaml"), "utf8")).toBe(prod);
}
