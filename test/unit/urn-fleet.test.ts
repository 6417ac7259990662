import { describe, expect, it } from "vitest";
import { provision } from "../../src/provision.js";
import { artifacts, onThisComputer, outputsOf, settingsOf, short, stateful } from "./provisioned.js";
import { type RecordedResource, recordResources } from "./record-resources.js";

describe("resources of stage fleet", () => {
  const fleet = (appServers: number, stage = "fleet", rollout = "rolling") =>
    recordResources(
      () =>
        provision(
          settingsOf({
            ...onThisComputer,
            "dukaan:stage": stage,
            "dukaan:appServers": appServers,
            "dukaan:rollout": rollout,
          }),
          artifacts,
        ),
      outputsOf,
    );
  const inputsOf = (resources: RecordedResource[]) =>
    new Map(
      resources
        .filter(({ type }) => stateful.includes(type))
        // The recorder numbers what it records, from 1000 on.
        .map(({ urn, inputs }) => [urn, JSON.stringify(inputs).replaceAll(/\b1\d{3}\b/g, "id")]),
    );

  it("are the stateful ones of split, unchanged, and more", async () => {
    const before = inputsOf(await fleet(2, "split"));
    const after = inputsOf(await fleet(2));
    for (const [urn, inputs] of before) expect(after.get(urn), urn).toBe(inputs);
    expect(after.size).toBeGreaterThan(before.size);
  });

  it("are touched by no app server that comes or goes, but for its own", async () => {
    // The recorder records one program at a time.
    const two = inputsOf(await fleet(2));
    const five = inputsOf(await fleet(5));
    const three = inputsOf(await fleet(3));
    const ofServers = (urn: string) => /::app-[345](-|$)/.test(urn);
    const others = [...five].filter(([urn]) => !ofServers(urn));
    expect(new Map(others)).toEqual(two);
    expect(five.size).toBeGreaterThan(two.size);
    for (const [urn, inputs] of three) expect(five.get(urn), urn).toBe(inputs);
  });

  it("roll a release out one server after the other, and migrate on the first alone", async () => {
    const releases = (await fleet(3)).filter(({ type }) => type.endsWith(":Release"));
    expect(releases.map(({ name, inputs }) => [name, "migrate" in inputs, "rotation" in inputs])).toEqual([
      ["app-1-api", true, true],
      ["app-2-api", false, true],
      ["app-3-api", false, true],
    ]);
    for (const [index, { dependencies }] of releases.entries()) {
      const earlier = releases.slice(0, index).map(({ urn }) => urn);
      expect(dependencies).toEqual(expect.arrayContaining(earlier.slice(-1)));
    }
  });

  it("roll out blue-green: candidates on all, the first before the others; then all releases at once", async () => {
    const resources = await fleet(3, "fleet", "blue-green");
    const candidates = resources.filter(({ type }) => type.endsWith(":ReleaseCandidate"));
    expect(candidates.map(({ name, inputs }) => [name, "migrate" in inputs])).toEqual([
      ["app-1-api", true],
      ["app-2-api", false],
      ["app-3-api", false],
    ]);
    const urns = candidates.map(({ urn }) => urn);
    const among = (dependencies: string[]) => urns.filter((urn) => dependencies.includes(urn));
    expect(candidates.map(({ dependencies }) => among(dependencies))).toEqual([
      [],
      urns.slice(0, 1),
      urns.slice(0, 1),
    ]);
    const releases = resources.filter(({ type }) => type.endsWith(":Release"));
    for (const { urn, dependencies, inputs } of releases) {
      expect(among(dependencies), urn).toEqual(urns);
      expect(dependencies.filter((other) => other !== urn && other.includes(":Release::"))).toEqual([]);
      // Each is switched while it serves, and has been migrated for.
      expect("migrate" in inputs || "rotation" in inputs).toBe(false);
    }
    expect(releases).toHaveLength(3);
  });

  it("configure nginx on one server after the other, because a reload takes it out of rotation", async () => {
    const fronts = (await fleet(3)).filter(({ name }) => name.endsWith("-nginx"));
    expect(fronts.map(({ name }) => name)).toEqual(["app-1-nginx", "app-2-nginx", "app-3-nginx"]);
    for (const [index, { dependencies }] of fronts.entries()) {
      const earlier = fronts.slice(0, index).map(({ urn }) => urn);
      expect(dependencies).toEqual(expect.arrayContaining(earlier.slice(-1)));
    }
  });

  it("put a server into the balancer's rotation when its release is there", async () => {
    const resources = await fleet(2);
    const balancer = resources.find(({ name }) => name === "edge-1-haproxy");
    const releases = resources.filter(({ type }) => type.endsWith(":Release")).map(({ urn }) => urn);
    expect(balancer?.dependencies).toEqual(expect.arrayContaining(releases));
    expect(balancer?.chain.map(short)).toEqual(["Environment", "LoadBalancer"]);
  });
});
