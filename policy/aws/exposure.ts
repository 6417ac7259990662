import { named, type Opening } from "../opening.js";
import { holdsDataPort, isPrivate, isWorld } from "../ranges.js";
import { blocks, fields, texts } from "../read.js";
import type { Rule, Subject } from "../rule.js";
import { secretsIn } from "../user-data.js";

const apart = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule";
const eitherWay = "aws:ec2/securityGroupRule:SecurityGroupRule";
const securityGroups = [
  "aws:ec2/securityGroup:SecurityGroup",
  "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
  eitherWay,
  apart,
];

/** What a security group lets in, said in one of the three ways that there are. */
function openings({ type, props }: Subject): Opening[] {
  if (type === apart) return [opening(props)];
  if (type === eitherWay) return props["type"] === "ingress" ? [opening(props)] : [];
  return blocks(props["ingress"]).map(opening);
}

function opening(block: Readonly<Record<string, unknown>>): Opening {
  const protocol = String(block["protocol"] ?? block["ipProtocol"]).toLowerCase();
  const any = protocol === "-1" || protocol === "all";
  return {
    protocol: any ? "any" : protocol,
    ports: any ? [1, 65535] : [Number(block["fromPort"] ?? 1), Number(block["toPort"] ?? 65535)],
    sources: ["cidrBlocks", "ipv6CidrBlocks", "cidrIpv4", "cidrIpv6"].flatMap((key) => texts(block[key])),
  };
}

const pings = new Set(["icmp", "icmpv6", "1", "58"]);
const tcp = new Set(["tcp", "6"]);

const publicPorts: Rule = {
  name: "aws-public-ports",
  description: "A security group opens nothing to the public but TCP ports 80 and 443, and ping.",
  remedy:
    "Name a security group as the source, or addresses of your own; roles and people come through the EC2 Instance Connect Endpoint.",
  types: securityGroups,
  check: (subject) =>
    openings(subject).flatMap((one) => {
      const open = one.sources.filter(isWorld);
      const [first, last] = one.ports;
      const web = tcp.has(one.protocol) && first === last && (first === 80 || first === 443);
      return open.length === 0 || web || pings.has(one.protocol)
        ? []
        : [`${named(one)} is open to ${open.join(", ")}`];
    }),
};

const databases = ["aws:rds/instance:Instance", "aws:rds/clusterInstance:ClusterInstance"];

const dataIsPrivate: Rule = {
  name: "aws-data-is-private",
  description: "Databases, caches, brokers and search engines are reached from private networks alone.",
  remedy: "Name the clients' security group as the source, and set publiclyAccessible: false.",
  types: [...securityGroups, ...databases],
  check: (subject) => {
    if (databases.includes(subject.type)) {
      return subject.props["publiclyAccessible"] === true ? ["it has a public address"] : [];
    }
    return openings(subject).flatMap((one) => {
      const outside = one.sources.filter((source) => !isPrivate(source));
      const data = !pings.has(one.protocol) && holdsDataPort(...one.ports);
      return data && outside.length > 0 ? [`${named(one)} is open to ${outside.join(", ")}`] : [];
    });
  },
};

const template = "aws:ec2/launchTemplate:LaunchTemplate";
const machines = ["aws:ec2/instance:Instance", "aws:ec2/launchConfiguration:LaunchConfiguration", template];

const metadata: Rule = {
  name: "aws-metadata-v2",
  description: "The metadata of an instance, with its credentials, is handed out by IMDSv2 alone.",
  remedy: 'Set metadataOptions.httpTokens: "required".',
  types: machines,
  check: ({ props }) => {
    const { httpTokens, httpEndpoint } = fields(props["metadataOptions"]);
    return httpTokens === "required" || httpEndpoint === "disabled"
      ? []
      : ["it hands them out to IMDSv1 too"];
  },
};

const listenerTls: Rule = {
  name: "aws-load-balancer-tls",
  description: "A load balancer takes requests over TLS 1.2 or newer, and leads HTTP there.",
  remedy:
    'Use protocol HTTPS with an sslPolicy such as "ELBSecurityPolicy-TLS13-1-2-2021-06"; on port 80 redirect to HTTPS.',
  types: ["aws:lb/listener:Listener", "aws:alb/listener:Listener"],
  check: ({ props }) => {
    const protocol = String(props["protocol"]);
    if (protocol === "HTTPS" || protocol === "TLS") {
      const [policy = "the default one"] = texts(props["sslPolicy"]);
      return /-(TLS13-1-[23]|TLS-1-2|FS-1-2)-/.test(policy)
        ? []
        : [`its TLS policy, ${policy}, allows old versions`];
    }
    const actions = blocks(props["defaultActions"]);
    const leads = ({ type: kind, redirect }: Readonly<Record<string, unknown>>) =>
      kind === "redirect" && fields(redirect)["protocol"] === "HTTPS";
    if (protocol === "HTTP" && actions.length > 0 && actions.every(leads)) return [];
    return [`it speaks ${protocol} and does not lead to HTTPS`];
  },
};

const userData: Rule = {
  name: "aws-user-data",
  description: "User data holds no secret but the machine's own host key.",
  remedy: "Hand it over in a role: secret files travel over SSH and are readable by their owner alone.",
  types: machines,
  check: ({ type, props }) => {
    const decoded = (text: string) => Buffer.from(text, "base64").toString();
    const given = texts(props["userData"]);
    const base64 = texts(props["userDataBase64"]);
    // A launch template takes no other text.
    const readable = type === template ? given.map(decoded) : [...given, ...base64.map(decoded)];
    return readable.flatMap(secretsIn).map((what) => `its user data holds ${what}`);
  },
};

export const exposure: readonly Rule[] = [publicPorts, dataIsPrivate, metadata, listenerTls, userData];
