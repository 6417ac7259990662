import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { priceItems } from "../../src/cost/price.js";

import { projectRoot } from "../../src/project.js";
import { databaseClasses } from "../../src/topology/aws-catalog.js";
import { topologyOf } from "../../stacks/index.js";
import { pricing } from "./cost-prices.js";
import { settingsOnAws } from "./on-aws.js";
import { awsFixedItems } from "./on-aws-costs.js";

const hours = 730;

/** Dollars an hour, when it runs for a whole month. */
function hourly(more: Record<string, unknown>): number {
  const { total } = priceItems(awsFixedItems(topologyOf(settingsOnAws(more)), hours), pricing);
  if (total === undefined) throw new Error("something has no price");
  return total / hours;
}

describe("what a stack on AWS costs, whatever its usage", () => {
  it("is its instances, disks and addresses", () => {
    // t3.medium 0.0416, 30 GB of gp3 at 0.08 a month, an address 0.005.
    const one = 0.0416 + (30 * 0.08) / hours + 0.005;
    expect(hourly({})).toBeCloseTo(one, 9);
    expect(hourly({ "dukaan:stage": "fleet" })).toBeCloseTo(4 * one, 9);
    const volume = { "dukaan:stage": "split", "dukaan:databaseVolume": 50 };
    expect(hourly(volume)).toBeCloseTo(2 * one + (50 * 0.08) / hours, 9);
  });

  it("is more with NAT, less the addresses that it saves", () => {
    const split = { "dukaan:stage": "split" };
    const added = (nat: string) => hourly({ ...split, "dukaan:nat": nat }) - hourly(split) + 0.005;
    expect(added("gateway")).toBeCloseTo(2 * (0.045 + 0.005), 9);
    expect(added("instance")).toBeCloseTo(0.0052 + (8 * 0.08) / hours + 0.005, 9);
    // The months that src/platform/aws/nat.ts names.
    expect(
      [added("instance") * hours, added("gateway") * hours, 0.005 * hours].map((sum) => sum.toFixed(2)),
    ).toEqual(["8.09", "73.00", "3.65"]);
  });

  it("is the database's instance, disk and key instead of a machine where AWS runs it", () => {
    const managed = { "dukaan:stage": "split", "dukaan:managed": true };
    const machine = 0.0416 + (30 * 0.08) / hours + 0.005;
    const alone = machine + 0.072 + (20 * 0.115 + 1) / hours;
    expect(hourly({ ...managed, "dukaan:multiAz": false })).toBeCloseTo(alone, 9);
    expect(hourly(managed)).toBeCloseTo(machine + 0.144 + (20 * 0.23 + 1) / hours, 9);
    for (const size of databaseClasses.keys()) {
      const more = { "dukaan:databaseServerType": size, "dukaan:databaseVolume": 50 };
      expect(hourly({ ...managed, ...more })).toBeGreaterThan(machine);
    }
  });

  it("is a load balancer of AWS's with two addresses instead of the machine before the app servers", () => {
    const fleet = { "dukaan:stage": "fleet" };
    const one = 0.0416 + (30 * 0.08) / hours + 0.005;
    const difference = hourly({ ...fleet, "dukaan:loadBalancer": "managed" }) - hourly(fleet);
    expect(difference).toBeCloseTo(0.0225 + 2 * 0.005 - one, 9);
  });

  it("is what docs/aws.md says", () => {
    const document = readFileSync(join(projectRoot, "docs", "aws.md"), "utf8");
    const of = (stage: string, nat: string) =>
      `$${hourly({ "dukaan:stage": stage, "dukaan:nat": nat }).toFixed(3)}`;
    for (const stage of ["droplet", "split", "fleet"]) {
      const cells = ["none", "instance", "gateway"].map((nat) => of(stage, nat));
      expect(document).toContain(`| \`${stage}\` | ${cells.join(" | ")} |`);
    }
    for (const stage of ["split", "fleet"]) {
      const cells = [true, false].map((multiAz) =>
        hourly({ "dukaan:stage": stage, "dukaan:managed": true, "dukaan:multiAz": multiAz }).toFixed(3),
      );
      expect(document).toContain(`| \`${stage}\` | $${cells.join(" | $")} |`);
    }
    const managed = { "dukaan:stage": "fleet", "dukaan:loadBalancer": "managed" };
    const balanced = ["none", "instance", "gateway"].map(
      (nat) => `$${hourly({ ...managed, "dukaan:nat": nat }).toFixed(3)}`,
    );
    expect(document).toContain(`| \`fleet\`, AWS's load balancer | ${balanced.join(" | ")} |`);
    const small = hourly({ "dukaan:serverType": "t3.nano" });
    expect(document).toContain(`$${small.toFixed(3)} an hour ($${(small * hours).toFixed(2)} a month)`);
  });
});
