import { beforeAll, describe, expect, it } from "vitest";
import { parseSettings } from "../../src/settings/parse.js";
import { privateRules } from "../../src/topology/firewall.js";
import { machineNamed } from "../../src/topology/topology.js";
import { topologyOf } from "../../stacks/index.js";
import { onlyAws, recordOnAws, settingsOnAws, statefulOnAws, tableOf } from "./on-aws.js";
import { short } from "./provisioned.js";
import type { RecordedResource } from "./record-resources.js";

const managed = { "dukaan:stage": "fleet", "dukaan:loadBalancer": "managed" };
const named = { "dukaan:domain": "shop.example.com", "dukaan:hostedZone": "example.com" };

let withName: RecordedResource[];
let withoutName: RecordedResource[];

beforeAll(async () => {
  // The recorder records one program at a time.
  withName = await recordOnAws({ ...managed, ...named });
  withoutName = await recordOnAws(managed);
});

const ofType = (resources: readonly RecordedResource[], type: string) =>
  resources.filter((one) => one.type.startsWith("aws:") && short(one.type) === type);
const inputsOf = (resources: readonly RecordedResource[], type: string) =>
  ofType(resources, type).map(({ inputs }) => inputs);

describe("stage fleet on AWS behind its load balancer", () => {
  it("is what its table says", async () => {
    await expect(tableOf(onlyAws(withName))).toMatchFileSnapshot("aws-fleet-managed-balancer.txt");
  });

  it("has no machine before the app servers, and the load balancer in the public subnets of both zones", () => {
    const topology = topologyOf(settingsOnAws(managed));
    expect(topology.machines.map(({ name }) => name)).toEqual(["app-1", "app-2", "database-1"]);
    expect(topology.loadBalancers).toEqual([
      {
        name: "load-balancer",
        region: "us-east-1",
        service: "nginx",
        privateRanges: ["10.10.0.0/24", "10.10.128.0/24"],
      },
    ]);
    expect(inputsOf(withoutName, "LoadBalancer")).toEqual([
      expect.objectContaining({
        loadBalancerType: "application",
        ipAddressType: "dualstack",
        subnets: ["Subnet/us-east-1-public-a", "Subnet/us-east-1-public-b"],
        securityGroups: ["SecurityGroup/us-east-1-load-balancer"],
        dropInvalidHeaderFields: true,
        enableDeletionProtection: true,
      }),
    ]);
    // Where it says so it is the public's own.
    expect(inputsOf(withoutName, "LoadBalancer")[0]).not.toHaveProperty("internal");
    expect(ofType(withoutName, "LoadBalancer")[0]).toMatchObject({
      protect: true,
      chain: ["dukaan:index:Environment", "dukaan:index:Region"],
    });
    expect(statefulOnAws).toContain(ofType(withoutName, "LoadBalancer")[0]?.type);
  });

  it("takes the public's requests at the load balancer alone, which reaches nothing but the app servers' port", () => {
    const incoming = ofType(withoutName, "SecurityGroupIngressRule");
    const fromAnywhere = incoming.filter(({ inputs }) => "cidrIpv4" in inputs || "cidrIpv6" in inputs);
    expect(fromAnywhere.map(({ name }) => name).filter((name) => !name.includes("-icmp-"))).toEqual([
      "us-east-1-load-balancer-in-tcp-443-any-ipv4",
      "us-east-1-load-balancer-in-tcp-443-any-ipv6",
      "us-east-1-load-balancer-in-tcp-80-any-ipv4",
      "us-east-1-load-balancer-in-tcp-80-any-ipv6",
    ]);
    const toApp = incoming.filter(({ inputs }) => inputs["fromPort"] === 8080);
    expect(toApp.map(({ name, inputs }) => [name, inputs["referencedSecurityGroupId"]])).toEqual([
      ["us-east-1-app-in-tcp-8080-load-balancer", "SecurityGroup/us-east-1-load-balancer"],
    ]);
    const outgoing = ofType(withoutName, "SecurityGroupEgressRule");
    expect(
      outgoing.filter(({ name }) => name.startsWith("us-east-1-load-balancer-")).map(({ name }) => name),
    ).toEqual(["us-east-1-load-balancer-out-tcp-8080-app"]);
  });

  it("lets the machines' own firewalls and nginx know it by its subnets", () => {
    const topology = topologyOf(settingsOnAws(managed));
    expect(privateRules(topology, machineNamed(topology, "app-2"))).toContainEqual({
      protocol: "tcp",
      port: 8080,
      sources: ["10.10.0.0/24", "10.10.128.0/24"],
    });
    const database = privateRules(topology, machineNamed(topology, "database-1"));
    expect(database.flatMap(({ sources }) => sources)).not.toContain("10.10.0.0/24");
    const role = withoutName.find(({ name }) => name === "app-1-nginx");
    const files = JSON.stringify(role?.inputs["files"]);
    expect(files).toContain("set_real_ip_from 10.10.0.0/24;\\n  set_real_ip_from 10.10.128.0/24;");
    // Visitors' own request ids are not believed.
    expect(files).toContain("~^0:(?<given>");
  });

  it("asks each server as often as AWS can, and a server that leaves waits until that is seen", () => {
    const [group] = inputsOf(withoutName, "TargetGroup");
    expect(group).toMatchObject({
      protocol: "HTTP",
      port: 8080,
      targetType: "instance",
      loadBalancingAlgorithmType: "least_outstanding_requests",
      deregistrationDelay: 40,
      healthCheck: {
        path: "/rotation",
        interval: 5,
        timeout: 2,
        unhealthyThreshold: 2,
        healthyThreshold: 2,
        matcher: "200",
      },
    });
    const rotation = rotationOn(withoutName, "app-1");
    // Two looks five seconds apart, two seconds for the last one's answer, and a second more.
    expect(rotation).toContain("  sleep 13\n  ;;\ndrain)");
    expect(rotation).toContain('[ "${2:-}" != seen ] || sleep 13');
    const release = withoutName.find(({ name }) => name === "app-2-api");
    expect(release?.inputs["rotation"]).toEqual({
      leave: ["/usr/local/lib/dukaan/rotation", "leave", "120"],
      join: ["/usr/local/lib/dukaan/rotation", "join", "seen"],
    });
  });

  it("gets a server when its release is there, and listens when all of them are in", () => {
    const targets = ofType(withoutName, "TargetGroupAttachment");
    expect(targets.map(({ inputs }) => [inputs["targetId"], inputs["port"]])).toEqual([
      ["Instance/app-1", 8080],
      ["Instance/app-2", 8080],
    ]);
    for (const { name, dependencies, deletedWith } of targets) {
      expect(dependencies).toEqual(
        expect.arrayContaining([expect.stringMatching(new RegExp(`:Release::${name}-api$`))]),
      );
      expect(deletedWith).toMatch(new RegExp(`:Instance::${name}$`));
    }
    for (const { dependencies } of ofType(withoutName, "Listener"))
      expect(dependencies).toEqual(expect.arrayContaining(targets.map(({ urn }) => urn)));
  });

  it("speaks TLS 1.2 or 1.3 and leads there from HTTP", () => {
    expect(inputsOf(withName, "Listener")).toMatchObject([
      {
        port: 80,
        defaultActions: [
          { type: "redirect", redirect: { protocol: "HTTPS", port: "443", statusCode: "HTTP_301" } },
        ],
      },
      {
        port: 443,
        protocol: "HTTPS",
        sslPolicy: "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
        certificateArn: "arn/balancer",
        defaultActions: [{ type: "forward", targetGroupArn: "arn/balancer" }],
      },
    ]);
  });
});

describe("the load balancer's certificate", () => {
  it("is AWS's for a domain, proven in its zone, and the listener waits for it", () => {
    expect(inputsOf(withName, "Certificate")).toMatchObject([
      { domainName: "shop.example.com", validationMethod: "DNS" },
    ]);
    const record = ofType(withName, "Record").find(({ name }) => name === "balancer-proof");
    expect(record?.inputs).toMatchObject({
      zoneId: "ZLOOKEDUP",
      name: "_proof.shop.example.com.",
      type: "CNAME",
      records: ["_proof.acm-validations.aws."],
    });
    const [validation] = ofType(withName, "CertificateValidation");
    const https = ofType(withName, "Listener").find(({ name }) => name === "balancer-https");
    expect(https?.dependencies).toContain(validation?.urn);
    // None of the stack's own authority, but those that machines show one another.
    expect(ownCertificate(withName)).toBeUndefined();
    expect(withName.filter(({ type }) => type.endsWith(":AcmeAccount"))).toEqual([]);
  });

  it("is the stack's own without one, for the name that AWS gives, in two parts", () => {
    expect(ownCertificate(withoutName)?.inputs).toMatchObject({
      dnsNames: ["balancer-1.us-east-1.elb.amazonaws.com"],
      ipAddresses: [],
    });
    const authority = withoutName.find(({ name }) => name === "authority");
    expect(authority?.inputs["permittedDnsDomains"]).toEqual(["us-east-1.elb.amazonaws.com"]);
    const [imported] = inputsOf(withoutName, "Certificate");
    expect(imported).toMatchObject({ certificateBody: "certificate of balancer" });
    // Pulumi's mark of a secret.
    expect(JSON.stringify(imported?.["privateKey"])).toContain("4dabf18193072939515e22adb298388d");
    expect(ofType(withoutName, "CertificateValidation")).toEqual([]);
  });

  it("is the stack's own for a domain whose zone is elsewhere, when that is said", async () => {
    const resources = await recordOnAws({
      ...managed,
      "dukaan:domain": "shop.example.com",
      "dukaan:acme": "none",
    });
    expect(ownCertificate(resources)?.inputs["dnsNames"]).toEqual(["shop.example.com"]);
    expect(ofType(resources, "Record")).toEqual([]);
  });

  it("cannot be had for a domain without its zone, nor from an authority of one's own", () => {
    const problemsOf = (more: Record<string, unknown>) => {
      const raw = { "dukaan:provider": "aws", "dukaan:location": "us-east-1", ...managed, ...more };
      const without = { "dukaan:backup": "none", "dukaan:images": "none", "dukaan:sms": "log" };
      return parseSettings("test", { ...raw, ...without }).problems;
    };
    expect(problemsOf({ "dukaan:domain": "shop.example.com" })).toMatchObject([
      { path: "dukaan:acme", remedy: expect.stringContaining("Set dukaan:hostedZone") },
    ]);
    const directory = "https://acme.example.com/dir";
    expect(problemsOf({ ...named, "dukaan:acme": { directory } })).toMatchObject([
      { path: "dukaan:acme", remedy: expect.stringContaining("AWS signs for dukaan:domain") },
    ]);
  });
});

function ownCertificate(resources: readonly RecordedResource[]): RecordedResource | undefined {
  return resources.find(({ type, name }) => type === "dukaan:index:Certificate" && name === "balancer");
}

/** The program that takes a machine out of the rotation, as its role brings it. */
function rotationOn(resources: readonly RecordedResource[], machine: string): string {
  const role = resources.find(({ name }) => name === `${machine}-nginx`);
  const files = role?.inputs["files"] as Record<string, { content: string }>;
  return files["/usr/local/lib/dukaan/rotation"]?.content ?? "";
}
