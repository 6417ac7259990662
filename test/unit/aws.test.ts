import { beforeAll, describe, expect, it } from "vitest";
import { Environment } from "../../components/environment.js";
import { loadPlatforms } from "../../src/platform/load.js";
import { plannedTopology, topologyOf } from "../../stacks/index.js";
import { onlyAws, record, recordOnAws, settingsOnAws, statefulOnAws, tableOf } from "./on-aws.js";
import { onThisComputer, settingsOf, short } from "./provisioned.js";
import type { RecordedResource } from "./record-resources.js";

const stages = ["droplet", "split", "fleet"] as const;

const recorded = {} as Record<(typeof stages)[number], RecordedResource[]>;

beforeAll(async () => {
  // The recorder records one program at a time.
  for (const stage of stages) recorded[stage] = await recordOnAws({ "dukaan:stage": stage });
});

const ofType = (resources: readonly RecordedResource[], type: string) =>
  resources.filter((resource) => resource.type.startsWith("aws:") && short(resource.type) === type);

const chainsOf = (resources: readonly RecordedResource[]) =>
  new Map(resources.map(({ type, chain }) => [short(type), chain.map(short).join("$")]));

describe("a stack on AWS", () => {
  it.each(stages)("is at stage %s what its table says", async (stage) => {
    await expect(tableOf(onlyAws(recorded[stage]))).toMatchFileSnapshot(`aws-${stage}.txt`);
  });

  it("keeps what is stateful through all stages, unchanged and under the parents that it has on Hetzner", () => {
    const inputsOf = (stage: (typeof stages)[number]) =>
      new Map(
        recorded[stage]
          .filter(({ type }) => statefulOnAws.includes(type))
          .map(({ urn, inputs }) => [urn, JSON.stringify(inputs)]),
      );
    const [droplet, split, fleet] = stages.map(inputsOf) as [
      Map<string, string>,
      Map<string, string>,
      Map<string, string>,
    ];
    for (const [urn, inputs] of droplet) expect(split.get(urn), urn).toBe(inputs);
    for (const [urn, inputs] of split) expect(fleet.get(urn), urn).toBe(inputs);
    expect([droplet.size, split.size, fleet.size]).toEqual([8, 13, 21]);
    const chains = chainsOf(recorded.fleet);
    expect(["Vpc", "Subnet"].map((type) => chains.get(type))).toEqual(Array(2).fill("Environment$Region"));
    expect(["Instance", "NetworkInterface", "Eip"].map((type) => chains.get(type))).toEqual(
      Array(3).fill("Environment$Region$Machine"),
    );
  });

  it("protects what is stateful, and has EC2 itself refuse to end an instance", () => {
    const resources = onlyAws(recorded.fleet);
    expect(resources.filter(({ protect }) => protect).map(({ urn }) => urn)).toEqual(
      resources.filter(({ type }) => statefulOnAws.includes(type)).map(({ urn }) => urn),
    );
    for (const { inputs } of ofType(resources, "Instance")) {
      expect(inputs).toMatchObject({ disableApiTermination: true });
    }
  });

  it("says by tags whose everything is that can have some", () => {
    const without = onlyAws(recorded.fleet).filter(
      ({ inputs }) => (inputs["tags"] as Record<string, string> | undefined)?.["dukaan-stack"] !== "test",
    );
    // EC2 has no tags for them.
    expect(new Set(without.map(({ type }) => short(type)))).toEqual(
      new Set(["Route", "RouteTableAssociation", "EipAssociation"]),
    );
  });

  it("waits for the guard with everything", () => {
    const guard = recorded.fleet.find(({ type }) => type === "dukaan:index:Stage");
    const others = onlyAws(recorded.fleet);
    expect(others.length).toBeGreaterThan(50);
    expect(others.filter(({ dependencies }) => !dependencies.includes(guard?.urn ?? ""))).toEqual([]);
  });

  it("takes nothing from the internet but requests at its entry, and SSH from the operators' door alone", () => {
    const incoming = ofType(recorded.fleet, "SecurityGroupIngressRule").map(({ name, inputs }) => ({
      name,
      inputs,
    }));
    const fromAnywhere = incoming.filter(({ inputs }) => "cidrIpv4" in inputs || "cidrIpv6" in inputs);
    expect(fromAnywhere.map(({ name }) => name).filter((name) => !name.includes("-icmp-"))).toEqual([
      "us-east-1-edge-in-tcp-443-any-ipv4",
      "us-east-1-edge-in-tcp-443-any-ipv6",
      "us-east-1-edge-in-tcp-80-any-ipv4",
      "us-east-1-edge-in-tcp-80-any-ipv6",
    ]);
    const ssh = incoming.filter(({ inputs }) => inputs["fromPort"] === 22);
    expect(ssh.map(({ inputs }) => inputs["referencedSecurityGroupId"])).toEqual(
      Array(3).fill("SecurityGroup/us-east-1-operators"),
    );
    expect(ofType(recorded.fleet, "InstanceConnectEndpoint")).toHaveLength(1);
    expect(ofType(recorded.fleet, "DefaultSecurityGroup")[0]?.inputs).toMatchObject({
      ingress: [],
      egress: [],
    });
  });

  it("gives its instances no role, encrypted disks and metadata that wants a session", () => {
    const instances = ofType(recorded.fleet, "Instance");
    expect(instances).toHaveLength(4);
    for (const { inputs, ignoreChanges } of instances) {
      expect(inputs).not.toHaveProperty("iamInstanceProfile");
      expect(inputs).not.toHaveProperty("keyName");
      expect(inputs).toMatchObject({
        rootBlockDevice: { encrypted: true },
        metadataOptions: { httpTokens: "required", httpPutResponseHopLimit: 1 },
      });
      expect(ignoreChanges).toEqual(["ami", "userData"]);
    }
    expect(recorded.fleet.filter(({ type }) => type.startsWith("aws:iam"))).toEqual([]);
  });

  it("makes an instance after its ways to the internet, its rules and the operators' door", () => {
    const [first] = ofType(recorded.droplet, "Instance");
    const before = [
      "Route",
      "SecurityGroupIngressRule",
      "SecurityGroupEgressRule",
      "InstanceConnectEndpoint",
    ];
    for (const type of before) {
      const urns = ofType(recorded.droplet, type).map(({ urn }) => urn);
      expect(first?.dependencies).toEqual(expect.arrayContaining(urns));
      expect(urns.length).toBeGreaterThan(0);
    }
  });

  it("hides the host key that an instance is told at its first boot", () => {
    const [first] = ofType(recorded.droplet, "Instance");
    const told = JSON.stringify(first?.inputs["userData"]);
    expect(told).toContain("SENTINEL key of app-1");
    // Pulumi's mark of a secret.
    expect(told).toContain("4dabf18193072939515e22adb298388d");
    const { userData: _told, ...others } = first?.inputs ?? {};
    expect(JSON.stringify(others)).not.toContain("SENTINEL");
  });

  it("keeps the database on an encrypted volume in its machine's zone", async () => {
    const split = await recordOnAws({ "dukaan:stage": "split", "dukaan:databaseVolume": 20 });
    const [volume] = ofType(split, "Volume");
    expect(volume).toMatchObject({
      protect: true,
      inputs: { availabilityZone: "us-east-1a", encrypted: true, size: 20, type: "gp3", finalSnapshot: true },
    });
    const [attachment] = ofType(split, "VolumeAttachment");
    expect(attachment?.deletedWith).toMatch(/Instance::database-1$/);
    const role = split.find(({ name }) => name === "database-1-volume");
    expect(JSON.stringify(role?.inputs)).toContain(
      "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0",
    );
    // Its file system is made before anything is looked at, by the machine: AWS makes none.
    const validate = (role?.inputs["validate"] ?? []) as string[][];
    expect(validate.map(([, program]) => program)).toEqual([
      "{root}/usr/local/lib/dukaan/make-file-system",
      "{root}/usr/local/lib/dukaan/volume",
    ]);
  });
});

describe("machines on AWS", () => {
  const topology = topologyOf(settingsOnAws({ "dukaan:stage": "fleet", "dukaan:appServers": 3 }));

  it("are spread over two zones, and stay where they are when there are more", () => {
    const places = (count: number) =>
      topologyOf(settingsOnAws({ "dukaan:stage": "fleet", "dukaan:appServers": count })).machines.map(
        ({ name, zone, privateAddress }) => [name, zone, privateAddress],
      );
    expect(places(3)).toEqual([
      ["app-1", "us-east-1a", "10.10.2.10"],
      ["app-2", "us-east-1b", "10.10.130.11"],
      ["app-3", "us-east-1a", "10.10.2.12"],
      ["database-1", "us-east-1a", "10.10.3.10"],
      ["edge-1", "us-east-1a", "10.10.1.10"],
    ]);
    expect(places(9)).toEqual(expect.arrayContaining(places(3)));
  });

  it("have sizes of EC2", () => {
    expect(topology.machines[0]).toMatchObject({
      serverType: "t3.medium",
      cores: 2,
      memoryMiB: 4096,
      diskGB: 30,
    });
  });
});

describe("the way out", () => {
  const routesTo = (resources: readonly RecordedResource[]) =>
    ofType(resources, "Route")
      .filter(({ name }) => name.includes("-data-"))
      .map(({ name, inputs }) => {
        const ways = ["gatewayId", "natGatewayId", "networkInterfaceId", "egressOnlyGatewayId"];
        return [name, ways.map((way) => inputs[way]).find((way) => way !== undefined)] as string[];
      });
  const withNat = (nat: string) => recordOnAws({ "dukaan:stage": "fleet", "dukaan:nat": nat });
  const addressesOf = (resources: readonly RecordedResource[]) =>
    ofType(resources, "Eip").map(({ name }) => name);

  it("is a public address of each machine's own without NAT", () => {
    expect(addressesOf(recorded.fleet)).toEqual([
      "app-1-ipv4",
      "app-2-ipv4",
      "database-1-ipv4",
      "edge-1-ipv4",
    ]);
    expect(new Set(routesTo(recorded.fleet).map(([, way]) => way))).toEqual(
      new Set(["InternetGateway/us-east-1"]),
    );
  });

  it("is a gateway in each zone with NAT gateways, and for IPv6 one that lets nothing in", async () => {
    const resources = await withNat("gateway");
    expect(addressesOf(resources).toSorted()).toEqual([
      "app-1-ipv4",
      "app-2-ipv4",
      "edge-1-ipv4",
      "us-east-1-nat-a",
      "us-east-1-nat-b",
    ]);
    expect(routesTo(resources)).toEqual([
      ["us-east-1-data-a-ipv4", "NatGateway/us-east-1-nat-a"],
      ["us-east-1-data-a-ipv6", "EgressOnlyInternetGateway/us-east-1"],
      ["us-east-1-data-b-ipv4", "NatGateway/us-east-1-nat-b"],
      ["us-east-1-data-b-ipv6", "EgressOnlyInternetGateway/us-east-1"],
    ]);
  });

  it("is one instance with a NAT instance, that hands on what is not for it", async () => {
    const resources = await withNat("instance");
    expect(routesTo(resources).filter(([name]) => name?.endsWith("ipv4"))).toEqual([
      ["us-east-1-data-a-ipv4", "NetworkInterface/us-east-1-nat"],
      ["us-east-1-data-b-ipv4", "NetworkInterface/us-east-1-nat"],
    ]);
    const networkInterface = ofType(resources, "NetworkInterface").find(
      ({ name }) => name === "us-east-1-nat",
    );
    expect(networkInterface?.inputs).toMatchObject({ sourceDestCheck: false });
    const instance = ofType(resources, "Instance").find(({ name }) => name === "us-east-1-nat");
    expect(instance?.inputs["userData"]).toContain("masquerade");
    expect(instance?.inputs).toMatchObject({ metadataOptions: { httpTokens: "required" } });
    // A machine's first boot fetches packages through it.
    const machine = ofType(resources, "Instance").find(({ name }) => name === "database-1");
    expect(machine?.dependencies).toContain(instance?.urn);
  });

  it("is changed without another machine", async () => {
    const machines = (resources: readonly RecordedResource[]) =>
      ["Subnet", "Instance"].flatMap((type) =>
        ofType(resources, type)
          .filter(({ name }) => !name.endsWith("-nat"))
          .map(({ urn, inputs }) => [urn, JSON.stringify(inputs)]),
      );
    expect(machines(await withNat("gateway"))).toEqual(machines(recorded.fleet));
  });
});

describe("one stack on both clouds", () => {
  const tier = (serverType: string) => ({ count: 1, serverType });
  const settings = settingsOf({ ...onThisComputer, "dukaan:stage": "split" });
  const topology = plannedTopology(settings, [
    { location: "fsn1", sizes: { app: tier("cx23"), database: tier("cx23") } },
    {
      location: "us-east-1",
      market: "virginia",
      sizes: { app: tier("t3.medium"), database: tier("t3.medium") },
    },
  ]);

  it("has regions with a provider each, whose networks do not overlap", () => {
    expect(topology.regions.map(({ name, provider, range }) => [name, provider, range])).toEqual([
      ["fsn1", "hetzner", "10.10.0.0/16"],
      ["virginia", "aws", "10.11.0.0/16"],
    ]);
  });

  it("makes of each region what its cloud has", async () => {
    const resources = await record(async () => {
      const platforms = await loadPlatforms(topology, true);
      return new Environment("shop", { settings, topology, platforms });
    });
    const machines = resources
      .filter(({ type }) => ["Server", "Instance"].includes(short(type)))
      .map(({ type, name, chain }) => [...chain.map(short), type, name].join(" "));
    expect(machines.toSorted()).toEqual([
      "Environment Region Machine aws:ec2/instance:Instance virginia-app-1",
      "Environment Region Machine aws:ec2/instance:Instance virginia-database-1",
      "Environment Region Machine hcloud:index/server:Server app-1",
      "Environment Region Machine hcloud:index/server:Server database-1",
    ]);
    const providers = resources.filter(({ type }) => type.startsWith("pulumi:providers:"));
    expect(providers.map(({ name }) => name)).toEqual(["aws", "dukaan", "hcloud", "random"]);
    const networks = resources.filter(({ type }) => ["Network", "Vpc"].includes(short(type)));
    const ranges = networks.map(({ inputs }) => inputs["ipRange"] ?? inputs["cidrBlock"]);
    expect(new Set(ranges)).toEqual(new Set(["10.10.0.0/16", "10.11.0.0/16"]));
  });

  it("is refused when it has two regions of AWS", async () => {
    const two = plannedTopology(settings, [
      { location: "us-east-1", sizes: { app: tier("t3.medium"), database: tier("t3.medium") } },
      {
        location: "eu-west-2",
        market: "london",
        sizes: { app: tier("t3.medium"), database: tier("t3.medium") },
      },
    ]);
    const { aws } = await loadPlatforms(two, true);
    expect(() => aws?.provider()).toThrow("one region of AWS, not in 2");
  });
});
