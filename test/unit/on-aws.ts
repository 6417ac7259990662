import { provision } from "../../src/provision.js";
import { parseSettings } from "../../src/settings/parse.js";
import type { Settings } from "../../src/settings/schema.js";
import { artifacts, outputsOf, short } from "./provisioned.js";
import { type RecordedResource, recordResources } from "./record-resources.js";

// What tests of stacks on AWS need that record their resources.

/** Losing one of these loses data, or addresses that others rely on. */
export const statefulOnAws = [
  "aws:ec2/vpc:Vpc",
  "aws:ec2/subnet:Subnet",
  "aws:ec2/networkInterface:NetworkInterface",
  "aws:ec2/eip:Eip",
  "aws:ec2/instance:Instance",
  "aws:ebs/volume:Volume",
  "aws:rds/instance:Instance",
  "aws:kms/key:Key",
  "aws:lb/loadBalancer:LoadBalancer",
  "aws:s3/bucket:Bucket",
  "aws:kms/key:Key",
];

/** The name that RDS gives to a database. */
export const databaseHost = "dukaan-test-database.abc123def456.us-east-1.rds.amazonaws.com";

/** How AWS wants a name to be proven. */
const proof = {
  domainName: "shop.example.com",
  resourceRecordName: "_proof.shop.example.com.",
  resourceRecordType: "CNAME",
  resourceRecordValue: "_proof.acm-validations.aws.",
};

/** Settings of a stack on AWS. They are good for planning alone: nothing brings such a stack up yet. */
export function settingsOnAws(more: Record<string, unknown> = {}): Settings {
  const raw = {
    "dukaan:provider": "aws",
    "dukaan:location": "us-east-1",
    "dukaan:backup": "none",
    "dukaan:images": "none",
    "dukaan:sms": "log",
    ...more,
  };
  const { settings, problems } = parseSettings("test", raw);
  if (!settings) throw new Error(JSON.stringify(problems));
  return settings;
}

/** What is wrong with the settings of a stack on AWS, a line each; nothing is said of its backups. */
export function problemsOnAws(more: Record<string, unknown>): string[] {
  const raw = {
    "dukaan:provider": "aws",
    "dukaan:location": "us-east-1",
    "dukaan:images": "none",
    "dukaan:sms": "log",
    ...more,
  };
  const { problems = [] } = parseSettings("shop", raw);
  return problems.map(({ path, reason, remedy }) => `${path} ${reason} | ${remedy}`);
}

/** Every resource of a stack on AWS, as the program declares them; nothing is asked of AWS. */
export function recordOnAws(more: Record<string, unknown> = {}): Promise<RecordedResource[]> {
  return record(() => provision(settingsOnAws(more), artifacts));
}

/**
 * Runs a program with what AWS would answer, as far as others read it; ids say whose they are. By URN: the program
 * registers them in no certain order.
 */
export async function record(program: () => unknown): Promise<RecordedResource[]> {
  const awsOutputs = (type: string, name: string) => {
    const id = type.startsWith("aws:") && { id: `${short(type)}/${name}` };
    switch (type) {
      case "aws:ec2/vpc:Vpc":
        return { ...id, ipv6CidrBlock: "2001:db8:0:ab00::/56" };
      case "aws:ec2/networkInterface:NetworkInterface":
        return { ...id, ipv6Addresses: ["2001:db8:0:ab02::7"] };
      case "aws:ec2/eip:Eip":
        return { ...id, publicIp: "203.0.113.10" };
      case "aws:rds/instance:Instance":
        return { ...id, address: databaseHost };
      case "aws:ec2transitgateway/instanceConnectEndpoint:InstanceConnectEndpoint":
        return { id: "eice-0123456789abcdef0", dnsName: "eice-0123456789abcdef0.test" };
      case "aws:ebs/volume:Volume":
        return { id: "vol-0123456789abcdef0" };
      case "aws:lb/loadBalancer:LoadBalancer":
        return {
          ...id,
          arn: `arn/${name}`,
          dnsName: "balancer-1.us-east-1.elb.amazonaws.com",
          zoneId: "ZELB",
        };
      case "aws:s3/bucket:Bucket":
        return { ...id, arn: `arn:aws:s3:::${name}`, bucket: name };
      case "aws:kms/key:Key":
        return { ...id, arn: `arn/${name}` };
      case "aws:iam/role:Role":
      case "aws:iam/instanceProfile:InstanceProfile":
        return { ...id, arn: `arn:aws:iam::123456789012:${short(type)}/${name}` };
      case "aws:ec2/launchTemplate:LaunchTemplate":
        return { ...id, latestVersion: 1 };
      case "aws:iam/accessKey:AccessKey":
        return { id: `SENTINEL-KEY-OF-${name}`, secret: `SENTINEL-SECRET-OF-${name}` };
      case "aws:lb/targetGroup:TargetGroup":
        return { ...id, arn: `arn/${name}` };
      case "aws:acm/certificate:Certificate":
        return { ...id, arn: `arn/${name}`, domainValidationOptions: [proof] };
      case "aws:route53/record:Record":
        return { ...id, fqdn: `${name}.example.com` };
      default:
        return { ...id, ...outputsOf(type, name) };
    }
  };
  const answers: Readonly<Record<string, Record<string, unknown>>> = {
    "aws:ec2/getAmi:getAmi": { id: "ami-newest", rootDeviceName: "/dev/xvda" },
    "aws:route53/getZone:getZone": { zoneId: "ZLOOKEDUP" },
  };
  const recorded = await recordResources(program, awsOutputs, (token) => {
    const answer = answers[token];
    if (!answer) throw new Error(`the program calls ${token}`);
    return answer;
  });
  return recorded.toSorted((one, other) => (one.urn < other.urn ? -1 : 1));
}

export function onlyAws(resources: readonly RecordedResource[]): RecordedResource[] {
  return resources.filter(({ type }) => type.startsWith("aws:"));
}

/** Statements of policies as a table for people: whose, what for, what may be done, to what, and when. */
export function statementsOf(resources: readonly RecordedResource[]): string {
  const rows = resources.flatMap(({ type, name, inputs }) => {
    if (!["UserPolicy", "RolePolicy", "BucketPolicy"].includes(short(type))) return [];
    const document = JSON.parse(inputs["policy"] as string) as { Statement: Record<string, unknown>[] };
    return document.Statement.map(({ Sid, Effect, Action, Resource, Condition }) =>
      [`${short(type)} ${name}`, `${Effect as string} ${Sid as string}`, Action, Resource, Condition].map(
        textOf,
      ),
    );
  });
  return `${rows.map((row) => row.join("\n  ")).join("\n\n")}\n`;
}

/** Resources as a table for people: type, name, and what of their inputs matters. */
export function tableOf(resources: readonly RecordedResource[]): string {
  const rows = resources.map(({ type, name, protect, inputs }) => [
    short(type) + (protect ? " *" : ""),
    name,
    Object.entries(inputs)
      .filter(([key]) => !["tags", "userData", "description", "name"].includes(key))
      .map(([key, value]) => `${key}=${textOf(value)}`)
      .join(" "),
  ]);
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map(([type = "", name = "", inputs = ""]) =>
    `${type.padEnd(widths[0]!)}  ${name.padEnd(widths[1]!)}  ${inputs}`.trimEnd(),
  );
  return `${lines.toSorted().join("\n")}\n\n* protected\n`;
}

function textOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map(textOf).join(",")}]`;
  // Pulumi's mark of a secret.
  if ("4dabf18193072939515e22adb298388d" in value) return "[secret]";
  if ("name" in value && "value" in value) return `${textOf(value.name)}=${textOf(value.value)}`;
  const parts = Object.entries(value).filter(([key]) => key !== "tags");
  return `{${parts.map(([key, part]) => `${key}=${textOf(part)}`).join(",")}}`;
}
