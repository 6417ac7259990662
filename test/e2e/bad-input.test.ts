import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectRoot } from "../../src/project.js";

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
