import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { databaseSizing } from "../../src/roles/postgresql/sizing.js";
import { mostAppServers } from "../../src/settings/schema.js";
import { dedicatedTypes, serverTypes } from "../../src/topology/catalog.js";
import { mostAppServersOf, poolSize } from "../../src/topology/connections.js";

const database = fc.oneof(
  fc.constantFrom(...serverTypes, ...dedicatedTypes),
  fc.record({
    cores: fc.integer({ min: 1, max: 256 }),
    memoryMiB: fc.integer({ min: 256, max: 2 ** 20 }),
    diskGB: fc.integer({ min: 10, max: 10_000 }),
  }),
);

describe("the connections of a database", () => {
  it("are enough for the pools of any number of app servers that it is allowed, and for what goes past them", () => {
    fc.assert(
      fc.property(database, fc.boolean(), fc.nat(), (machine, dedicated, number) => {
        const servers = 1 + (number % mostAppServersOf(machine));
        const pools = servers * poolSize(machine, servers);
        expect(pools + 15).toBeLessThanOrEqual(databaseSizing(machine, dedicated).maxConnections);
        expect(poolSize(machine, servers)).toBeGreaterThanOrEqual(2);
      }),
    );
  });

  it("do not change with the number of app servers, whose pools get smaller with it", () => {
    fc.assert(
      fc.property(database, fc.nat(), (machine, number) => {
        const servers = 1 + (number % mostAppServersOf(machine));
        expect(poolSize(machine, servers + 1)).toBeLessThanOrEqual(poolSize(machine, servers));
      }),
    );
  });

  it("are those of two processors and a disk where the database has one client", () => {
    expect(poolSize({ cores: 1, memoryMiB: 512 }, 1)).toBe(5);
    expect(poolSize({ cores: 16, memoryMiB: 32_768 }, 1)).toBe(33);
  });

  it("allow more than one app server on any size, and as many as the settings on all but the smallest", () => {
    for (const type of serverTypes) expect(mostAppServersOf(type), type.name).toBeGreaterThan(1);
    const tooSmall = serverTypes.filter((type) => mostAppServersOf(type) < mostAppServers);
    expect(tooSmall.map(({ name }) => name)).toEqual(["local-512"]);
  });
});
