import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { letGo, requireSettingsOf } from "../../src/cli/let-go.js";
import { policyPackVariable } from "../../src/cli/pulumi.js";

const database = {
  type: "aws:rds/instance:Instance",
  urn: "urn:pulumi:aws::dukaan::aws:rds/instance:Instance::database",
  inputs: { deletionProtection: true },
};
const balancer = {
  type: "aws:lb/loadBalancer:LoadBalancer",
  urn: "urn:pulumi:aws::dukaan::aws:lb/loadBalancer:LoadBalancer::load-balancer",
  inputs: { enableDeletionProtection: true },
};

describe("what AWS is to let go of before a stack is destroyed", () => {
  it("is refused where the settings no longer have it: an update would reach it no more", () => {
    const { "dukaan:managed": managed, ...others } = {
      "dukaan:managed": true,
      "dukaan:loadBalancer": "managed",
    };
    const all = [database, balancer];
    expect(() => requireSettingsOf(all, { ...others, "dukaan:managed": managed })).not.toThrow();
    expect(() => requireSettingsOf(all, others)).toThrow(
      /^database is there because dukaan:managed was true/,
    );
    expect(() => requireSettingsOf(all, { "dukaan:managed": "true" })).toThrow(
      /^load-balancer is there because dukaan:loadBalancer was managed/,
    );
  });

  it("is nothing where AWS does not protect it, nor at Hetzner", () => {
    const open = { ...database, inputs: { deletionProtection: false } };
    const hetzner = { ...balancer, type: "hcloud:index/loadBalancer:LoadBalancer" };
    expect(() => requireSettingsOf([open, hetzner], {})).not.toThrow();
  });
});

describe("having AWS let go", () => {
  const all = [database, balancer, { ...balancer, urn: `${balancer.urn}-2`, inputs: {} }];

  it("is an update of what goes and is protected, and of nothing else", async () => {
    const up = await updatesOf(all, ({ type }) => type === balancer.type);
    expect(up).toEqual([`yes up --yes --skip-preview --target ${balancer.urn}`]);
    expect(await updatesOf(all, () => true)).toEqual([
      `yes up --yes --skip-preview --target ${database.urn} --target ${balancer.urn}`,
    ]);
  });

  it("is none where nothing goes that is protected", async () => {
    expect(await updatesOf(all, ({ urn }) => urn.endsWith("-2"))).toEqual([]);
  });
});

/** What Pulumi is told to do with a stack of these resources, each with `DUKAAN_LET_GO` before it. */
async function updatesOf(
  resources: readonly { urn: string; type: string }[],
  goes: Parameters<typeof letGo>[2],
): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), "dukaan-let-go-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const [executable, told] = [join(directory, "pulumi"), join(directory, "told")];
  await writeFile(join(directory, "state"), JSON.stringify({ deployment: { resources } }));
  const script = `#!/bin/sh
if [ "$1" = stack ]; then cat "${directory}/state"; else echo "$DUKAAN_LET_GO $*" >> "${told}"; fi
`;
  await writeFile(executable, script, { mode: 0o700 });
  await writeFile(told, "");
  const stack = { name: "aws", local: false, instance: "aws", directory, configFile: "" };
  // With a policy pack a preview would come before.
  const env = { [policyPackVariable]: "policy" };
  await letGo({ pulumi: { executable, env, stack } }, () => undefined, goes);
  const lines = (await readFile(told, "utf8")).trim().split("\n");
  return lines.filter((line) => line !== "").map((line) => line.replace(/ --non-interactive.*/, ""));
}
