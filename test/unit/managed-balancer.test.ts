import { describe, expect, it } from "vitest";
import { provision } from "../../src/provision.js";
import { parseSettings } from "../../src/settings/parse.js";
import { cloudRules, privateRules } from "../../src/topology/firewall.js";
import { changeToken, guarded, stageChange } from "../../src/topology/guard.js";
import { isEntry, machineNamed } from "../../src/topology/topology.js";
import { planEvolution } from "../../src/evolve/plan.js";
import { graphOf } from "../../src/diagram/graph.js";
import { fixedItems } from "../../src/cost/targets/hetzner.js";
import { topologyOf } from "../../stacks/index.js";
import { artifacts, onThisComputer, outputsOf, settingsOf, short } from "./provisioned.js";
import { recordResources } from "./record-resources.js";

const fleet = (more: Record<string, unknown> = {}) =>
  settingsOf({ ...onThisComputer, "dukaan:stage": "fleet", "dukaan:loadBalancer": "managed", ...more });
const balancer = "10.10.2.251";

describe("stage fleet behind the provider's load balancer", () => {
  const topology = topologyOf(fleet());

  it("has no machine before the app servers, and the load balancer in their subnet", () => {
    expect(topology.machines.map(({ name }) => name)).toEqual(["app-1", "app-2", "database-1"]);
    expect(topology.loadBalancers).toEqual([
      { name: "load-balancer", region: "fsn1", service: "nginx", privateAddress: balancer },
    ]);
    expect(topology.entries).toMatchObject([{ service: "load-balancer", port: 443 }]);
    expect(isEntry(topology, "nginx")).toBe(false);
  });

  it("lets requests in from the load balancer alone, over the private network", () => {
    const incoming = cloudRules(topology, "app").filter(({ direction }) => direction === "in");
    expect(incoming.map(({ port }) => port)).toEqual([22, undefined]);
    const app = privateRules(topology, machineNamed(topology, "app-2"));
    expect(app).toEqual([{ protocol: "tcp", port: 8080, sources: [balancer] }]);
    const database = privateRules(topology, machineNamed(topology, "database-1"));
    expect(database.flatMap(({ sources }) => sources)).not.toContain(balancer);
  });

  it("is drawn and paid for", () => {
    const graph = graphOf(topology);
    const box = graph.rows.flat().find(({ id }) => id === "balancer");
    expect(box?.machines).toEqual([{ name: "load-balancer", address: balancer, publicIpv4: true }]);
    expect(graph.edges).toContainEqual(
      expect.objectContaining({
        from: "balancer",
        to: "app",
        labels: [{ from: "load-balancer", to: "nginx", port: "8080", purpose: "requests" }],
      }),
    );
    expect(graph.edges.some(({ from, to }) => from === "buyers" && to === "balancer")).toBe(true);
    expect(fixedItems(topology).filter(({ sku }) => sku === "LB11")).toHaveLength(1);
  });

  it("is reached from split by evolve, with both ways in open, and from HAProxy not by up alone", () => {
    const { entry } = planEvolution({ ...fleet(), stage: "split" }, "fleet");
    expect(entry).toEqual({ from: "app-1", to: "the load balancer" });
    const between = topologyOf({ ...fleet(), leaving: "split" });
    expect(isEntry(between, "nginx")).toBe(true);
    const back = topologyOf({ ...fleet(), stage: "split", leaving: "fleet" });
    expect(back.loadBalancers).toHaveLength(1);
    expect(back.flows).toContainEqual(expect.objectContaining({ from: "load-balancer", to: "nginx" }));

    const of = (settings: ReturnType<typeof fleet>) => guarded(settings, topologyOf(settings));
    const [own, managed] = [of(fleet({ "dukaan:loadBalancer": "haproxy" })), of(fleet())];
    const refused = stageChange(own, managed);
    expect(refused?.reason).toContain("from edge-1 to the load balancer");
    expect(refused?.remedy).toContain("./dukaan evolve split --finish, set dukaan:loadBalancer to managed");
    expect(stageChange(managed, own)?.remedy).toContain("set dukaan:loadBalancer to haproxy");
    expect(stageChange(own, { ...managed, token: changeToken(own, managed) })).toBeUndefined();
    // At a stage without a balancer the setting says nothing yet.
    expect(
      stageChange(of({ ...fleet(), stage: "split" }), of({ ...fleet(), stage: "split" })),
    ).toBeUndefined();
  });

  it("gets its certificate from the provider, so an ACME authority of one's own is refused", () => {
    const { problems } = parseSettings("test", {
      ...onThisComputer,
      "hcloud:token": "t".repeat(64),
      "dukaan:loadBalancer": "managed",
      "dukaan:domain": "shop.example.com",
      "dukaan:acme": { directory: "https://acme.example.com/dir" },
    });
    expect(problems).toMatchObject([{ path: "dukaan:acme", reason: /load balancer/ }]);
  });
});

describe("its resources", () => {
  it("are an address that outlives the rest, one target a server when its release is there, and a service", async () => {
    const resources = await recordResources(() => provision(fleet(), artifacts), outputsOf);
    const ofBalancer = resources.filter(({ type }) => type.includes("loadBalancer"));
    const table = ofBalancer.map(({ chain, type, name }) =>
      [...chain.map(short), `${short(type)} ${name}`].join(" / "),
    );
    expect(table.toSorted()).toEqual([
      "Environment / ManagedLoadBalancer / LoadBalancerService balancer",
      "Environment / ManagedLoadBalancer / LoadBalancerTarget app-1",
      "Environment / ManagedLoadBalancer / LoadBalancerTarget app-2",
      "Environment / Region / LoadBalancer load-balancer",
      "Environment / Region / LoadBalancerNetwork load-balancer",
    ]);
    const target = ofBalancer.find(({ name }) => name === "app-2");
    expect(target?.dependencies).toEqual(
      expect.arrayContaining([expect.stringMatching(/:Release::app-2-api$/)]),
    );
    const service = ofBalancer.find(({ name, type }) => name === "balancer" && type.endsWith("Service"));
    expect(service?.inputs).toMatchObject({
      protocol: "https",
      listenPort: 443,
      destinationPort: 8080,
      http: { redirectHttp: true, stickySessions: false },
      healthCheck: { port: 8080, http: { path: "/rotation", domain: "balancer", statusCodes: ["200"] } },
    });
    expect(resources.some(({ name }) => name === "edge-1")).toBe(false);
  });

  it("are a managed certificate where browsers are to know it", async () => {
    const real = settingsOf({
      "dukaan:operatorCidrs": ["198.51.100.7/32"],
      "dukaan:sms": { url: "https://sms.example.com/", secret: `whsec_${"A".repeat(40)}` },
      "dukaan:backup": "none",
      "dukaan:images": "none",
      "dukaan:stage": "fleet",
      "dukaan:loadBalancer": "managed",
      "dukaan:domain": "shop.example.com",
    });
    const resources = await recordResources(() => provision(real, artifacts), outputsOf);
    const certificates = resources.filter(
      ({ type }) => type.startsWith("hcloud:") && /ertificate/.test(type),
    );
    expect(certificates.map(({ type, inputs }) => [short(type), inputs["domainNames"]])).toEqual([
      ["ManagedCertificate", ["shop.example.com"]],
    ]);
    expect(resources.filter(({ type }) => type.endsWith(":AcmeAccount"))).toEqual([]);
    expect(resources.find(({ type }) => short(type) === "LoadBalancer")?.protect).toBe(true);
  });
});
