import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  openStack,
  stackEnvironment,
  withoutSecrets,
  writeLocalConfig,
  writtenSettings,
} from "../../src/cli/stack.js";
import { projectRoot } from "../../src/project.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dukaan-stack-"));
  vi.stubEnv("DUKAAN_STATE", folder);
  vi.stubEnv("DUKAAN_INSTANCE", undefined);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const storage = { endpoint: "https://203.0.113.2", region: "local", caCertificate: "PEM" };

describe("openStack", () => {
  it("knows from its settings that lab runs on the local cloud", async () => {
    const stack = await openStack("lab");
    expect(stack).toMatchObject({
      name: "lab",
      local: true,
      instance: "lab",
      directory: join(folder, "lab"),
    });
    expect(stack.configFile.startsWith(folder)).toBe(true);
  });

  it("leaves a real stack's configuration in the checkout", async () => {
    const stack = await openStack("prod");
    expect(stack).toMatchObject({ local: false, configFile: join(projectRoot, "Pulumi.prod.yaml") });
  });

  it("runs a real stack on the local cloud when asked to", async () => {
    expect(await openStack("prod", { local: true })).toMatchObject({ local: true, instance: "prod" });
  });

  it.each(["nosuch", "../lab", "Lab", ""])("refuses %j and says which stacks there are", async (name) => {
    await expect(openStack(name)).rejects.toMatchObject({
      exitCode: 2,
      remedy: expect.stringContaining("lab, staging, prod") as string,
    });
  });
});

describe("the configuration copy", () => {
  it("adds the endpoint and quick polling, keeps Pulumi's salt, and is readable by its owner alone", async () => {
    const stack = await openStack("lab");
    const inTree = await readFile(join(projectRoot, "Pulumi.lab.yaml"), "utf8");
    await writeLocalConfig(stack, "http://127.0.0.1:8470/v1", storage);
    const first = parse(await readFile(stack.configFile, "utf8")) as { config: Record<string, unknown> };
    expect(first.config["dukaan:backup"]).toEqual({ ...storage, bucket: "lab-backups" });
    await writeFile(stack.configFile, JSON.stringify({ ...first, encryptionsalt: "v1:abc" }));

    await writeLocalConfig(stack, "http://127.0.0.1:8471/v1", storage);

    const second = parse(await readFile(stack.configFile, "utf8")) as typeof first;
    expect(second).toMatchObject({ encryptionsalt: "v1:abc" });
    expect(second.config).toEqual({ ...first.config, "hcloud:endpoint": "http://127.0.0.1:8471/v1" });
    expect((await stat(stack.configFile)).mode & 0o777).toBe(0o600);
    expect(await readFile(join(projectRoot, "Pulumi.lab.yaml"), "utf8")).toBe(inTree);
  });
});

describe("settings that are tried on a local stack", () => {
  it("win over the checkout's for as long as they are there", async () => {
    const stack = await openStack("lab");
    const inCopy = async () => {
      await writeLocalConfig(stack, "http://127.0.0.1:8470/v1", storage);
      const { config } = parse(await readFile(stack.configFile, "utf8")) as {
        config: Record<string, unknown>;
      };
      expect((await writtenSettings(stack))["dukaan:serverType"]).toBe(config["dukaan:serverType"]);
      return [config["dukaan:serverType"], config["dukaan:databaseVolume"]];
    };
    expect(await inCopy()).toEqual(["local-512", undefined]);
    const file = join(stack.directory, "settings.yaml");
    await writeFile(file, "dukaan:serverType: cx23\ndukaan:databaseVolume: 20\n");
    expect(await inCopy()).toEqual(["cx23", 20]);
    await rm(file);
    expect(await inCopy()).toEqual(["local-512", undefined]);
  });

  it("say when backups are made, and not where, and can leave out backups and pictures", async () => {
    const stack = await openStack("lab");
    const inCopy = async (settings: string) => {
      await mkdir(stack.directory, { recursive: true });
      await writeFile(join(stack.directory, "settings.yaml"), settings);
      await writeLocalConfig(stack, "http://127.0.0.1:8470/v1", storage);
      const { config } = parse(await readFile(stack.configFile, "utf8")) as {
        config: Record<string, unknown>;
      };
      return [config["dukaan:backup"], config["dukaan:images"]];
    };
    const own = { ...storage, bucket: "lab-backups" };
    expect(await inCopy("dukaan:backup: { fullSchedule: Sun 04:00, bucket: elsewhere }\n")).toEqual([
      { ...own, fullSchedule: "Sun 04:00" },
      { ...storage, bucket: "lab-images" },
    ]);
    expect(await inCopy("dukaan:backup: none\ndukaan:images: none\n")).toEqual(["none", "none"]);
  });
});

describe("the real cloud's secrets", () => {
  it("stay out of the copy: the token in any form, and what is encrypted", () => {
    const kept = { "dukaan:stage": "droplet", "dukaan:operatorKeys": [], "dukaan:backup": null };
    const secure = { secure: "v1:abc" };
    expect(withoutSecrets({ ...kept, "hcloud:token": secure, "dukaan:domain": secure })).toEqual(kept);
    expect(withoutSecrets({ ...kept, "hcloud:token": "t".repeat(64) })).toEqual(kept);
    expect(withoutSecrets()).toEqual({});
  });
});

describe("a rollback's hold", () => {
  it("stays in the stack's configuration until it is taken away", async () => {
    const stack = await openStack("lab");
    await writeLocalConfig(stack, "http://127.0.0.1:8470/v1", storage);
    const config = parse(await readFile(stack.configFile, "utf8")) as { config: Record<string, unknown> };
    config.config["dukaan:release"] = "a".repeat(64);
    await writeFile(stack.configFile, JSON.stringify(config));
    await writeLocalConfig(stack, "http://127.0.0.1:8470/v1", storage);
    expect(parse(await readFile(stack.configFile, "utf8"))).toEqual(config);
  });
});

describe("the environment for Pulumi", () => {
  it("gives a local stack its own backend and a passphrase that stays the same, and never says it", async () => {
    const stack = await openStack("lab");
    const first = await stackEnvironment(stack);
    const second = await stackEnvironment(stack);
    expect(second).toEqual(first);
    const file = first["PULUMI_CONFIG_PASSPHRASE_FILE"]!;
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const passphrase = await readFile(file, "utf8");
    expect(passphrase.length).toBeGreaterThanOrEqual(40);
    expect(JSON.stringify(first)).not.toContain(passphrase);
  });

  it("leaves a real stack the user's own login", async () => {
    const env = await stackEnvironment(await openStack("prod"));
    expect(env).not.toHaveProperty("PULUMI_BACKEND_URL");
    expect(env).not.toHaveProperty("PULUMI_CONFIG_PASSPHRASE_FILE");
  });
});
