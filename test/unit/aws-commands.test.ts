import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { backup } from "../../src/cli/commands/backup.js";
import { down } from "../../src/cli/commands/down.js";
import { evolve } from "../../src/cli/commands/evolve.js";
import { restore } from "../../src/cli/commands/restore.js";
import { rotate } from "../../src/cli/commands/rotate.js";
import { lostSoon, runOnMachine, sshAccess } from "../../src/cli/commands/ssh.js";
import { MachineSteps } from "../../src/cli/database-side.js";
import type { Session } from "../../src/cli/session.js";
import { noCredentialsIn } from "./instance-connect.js";

const { checkout } = vi.hoisted(() => ({ checkout: { folder: "" } }));
vi.mock(import("../../src/project.js"), async (actual) => {
  checkout.folder = (await actual()).projectRoot;
  return {
    get projectRoot() {
      return checkout.folder;
    },
  };
});

const tree = checkout.folder;
const folder = mkdtempSync(join(tmpdir(), "dukaan-aws-commands-"));
const settings = {
  "dukaan:provider": "aws",
  "dukaan:location": "us-east-1",
  "dukaan:stage": "split",
  "dukaan:backup": "none",
  "dukaan:images": "none",
  "dukaan:sms": "log",
};
const written = (more: object = {}) =>
  writeFileSync(join(folder, "Pulumi.shop.yaml"), JSON.stringify({ config: { ...settings, ...more } }));

beforeEach(() => {
  checkout.folder = folder;
  written();
  for (const [name, value] of Object.entries({ ...noCredentialsIn(folder), DUKAAN_STATE: folder }))
    vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());
afterAll(() => rmSync(folder, { recursive: true }));

const shop = { stack: "shop" };
const noCredentials = {
  message: expect.stringMatching(/^there are no credentials for AWS/) as string,
  remedy: expect.stringMatching(/aws sso login.*Nothing was changed/) as string,
  exitCode: 3,
};

describe("a stack on AWS", () => {
  test.each([
    ["down", () => down({ ...shop, destroyData: "shop" })],
    ["evolve", () => evolve("fleet", { ...shop, yes: true })],
    ["restore", () => restore({ ...shop, latest: true, yes: true })],
    ["rotate", () => rotate("session-secret", shop)],
  ])("is not touched by %s without credentials, which is said at once", async (_name, command) => {
    await expect(command()).rejects.toMatchObject(noCredentials);
  });

  test.each([
    ["backup", () => backup(shop)],
    ["restore", () => restore({ ...shop, latest: true, yes: true })],
  ])(
    "has no %s where AWS runs its database: refused before anything is asked or built",
    async (_name, command) => {
      written({ "dukaan:managed": true });
      await expect(command()).rejects.toMatchObject({
        message: expect.stringContaining("the provider runs this stack's postgresql") as string,
        remedy: expect.stringContaining("docs/aws.md") as string,
        exitCode: 4,
      });
    },
  );

  test("has machines that no command switches on: one that is silent says why, and what to see to", async () => {
    checkout.folder = tree;
    const access = await sshAccess({ stack: { directory: folder } } as Session, {
      ssh: { "app-1": "root@10.10.2.10" },
      services: { api: ["app-1"] },
      tunnels: {
        "app-1": { endpointId: "eice-0123456789abcdef0", dnsName: "eice.localhost", region: "us-east-1" },
      },
      deployKey: "a key",
      knownHosts: "nobody",
    });
    const silent = {
      message: expect.stringMatching(/does not answer: error: there are no credentials for AWS/) as string,
      remedy: expect.stringMatching(
        /^See that its instance runs .*no command here starts one.*sts get-caller/,
      ) as string,
    };
    const steps = new MachineSteps(access, "app-1", "pool");
    const failure: unknown = await steps.step("where").catch((error: unknown) => error);
    expect(failure).toMatchObject(silent);
    expect(failure).not.toHaveProperty("remedy", expect.stringContaining("--accept-data-loss"));
    expect(lostSoon(access)).toContain("ConnectTimeout=15");
    await expect(runOnMachine(access, "root@10.10.2.10", ["true"])).rejects.toMatchObject(silent);
  });
});
