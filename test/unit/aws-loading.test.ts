import { createRequire } from "node:module";
import { expect, it } from "vitest";
import { provision } from "../../src/provision.js";
import { recordOnAws } from "./on-aws.js";
import { artifacts, onThisComputer, outputsOf, settingsOf } from "./provisioned.js";
import { recordResources } from "./record-resources.js";

/** How many modules of a package this process has loaded. */
function loaded(name: string): number {
  const paths = Object.keys(createRequire(import.meta.url).cache);
  return paths.filter((path) => path.includes(`/node_modules/${name}/`)).length;
}

it("loads the SDK of a cloud only for a stack that is on it", async () => {
  await recordResources(() => provision(settingsOf(onThisComputer), artifacts), outputsOf);
  expect(loaded("@pulumi/hcloud")).toBeGreaterThan(5);
  expect(loaded("@pulumi/aws")).toBe(0);
  const onAws = await recordOnAws();
  expect(onAws.some(({ type }) => type === "aws:ec2/instance:Instance")).toBe(true);
  expect(loaded("@pulumi/aws")).toBeGreaterThan(5);
});
