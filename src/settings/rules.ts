import ipaddr from "ipaddr.js";
import { contains, privateRanges } from "../topology/addresses.js";
import { instanceTypes } from "../topology/aws-catalog.js";
import { location, serverType } from "../topology/catalog.js";
import { builtStages, isBuilt } from "../topology/stages.js";
import { appServerRules } from "./app-servers.js";
import { awsRules } from "./aws.js";
import { domainRules } from "./domain.js";
import { managedRules } from "./managed.js";
import type { Problem, RawSettings } from "./schema.js";

/** What the rules look at: settings that have passed the schema (others are left out), and the cloud's own. */
export interface Candidate {
  stack: string;
  settings: Partial<RawSettings>;
  endpoint?: string;
  /** Of the token, in characters; 0: there is none; absent: it is encrypted here, so nobody can count. */
  tokenLength?: number;
  /** Whether the endpoint is on this computer, i.e. the local cloud. */
  onThisComputer: boolean;
  /** Whether the local cloud is meant: by the endpoint or by the setting. */
  local: boolean;
}

type Rule = (candidate: Candidate) => Problem[];

/** Everything that the schema cannot say. Each rule is skipped while a setting that it reads is wrong in itself. */
export const rules: readonly Rule[] = [
  // It stands in host names and labels.
  ({ stack }) =>
    /^[a-z][a-z0-9-]{0,29}$/.test(stack)
      ? []
      : [
          {
            path: "stack",
            reason: `is called ${quoted(stack)}`,
            remedy:
              "Use a name of at most 30 lower-case letters, digits and hyphens that begins with a letter.",
          },
        ],

  ({ settings: { stage } }) =>
    stage === undefined || isBuilt(stage)
      ? []
      : [
          {
            path: "dukaan:stage",
            reason: `is ${stage}, which is a stage of the platform but not built yet`,
            remedy: `Use ${builtStages.join(" or ")}.`,
          },
        ],

  awsRules,

  managedRules,

  ({ settings: { serverType: name, location: place }, local }) =>
    checkServerType("dukaan:serverType", name, place, local),

  // One that the provider runs has its own sizes.
  ({ settings: { databaseServerType: name, location: place, managed }, local }) =>
    managed ? [] : checkServerType("dukaan:databaseServerType", name, place, local),

  appServerRules,

  ({ settings: { loadBalancer, loadBalancers, floatingIp } }) =>
    loadBalancer === "managed" && (loadBalancers === 2 || floatingIp === true)
      ? [
          {
            path: loadBalancers === 2 ? "dukaan:loadBalancers" : "dukaan:floatingIp",
            reason: "is for load balancers of the stack's own, and dukaan:loadBalancer is managed",
            remedy: "Remove it, or set dukaan:loadBalancer to haproxy.",
          },
        ]
      : [],

  ({ settings: { loadBalancers, floatingIp } }) =>
    loadBalancers === 2 && floatingIp === false
      ? [
          {
            path: "dukaan:floatingIp",
            reason: "is false, and two load balancers have nothing else that leads to both",
            remedy: "Remove it, or set dukaan:loadBalancers to 1.",
          },
        ]
      : [],

  ({ settings: { networkCidr } }) => {
    if (networkCidr === undefined) return [];
    const path = "dukaan:networkCidr";
    const remedy = "Use a private /16, e.g. 10.10.0.0/16.";
    const wrong = whyNoRange(networkCidr);
    if (wrong !== undefined) return [{ path, reason: `${quoted(networkCidr)} ${wrong}`, remedy }];
    if (!networkCidr.endsWith("/16") || networkCidr.includes(":")) {
      return [{ path, reason: `${quoted(networkCidr)} is not an IPv4 /16`, remedy }];
    }
    if (!privateRanges.some((range) => contains(range, networkCidr))) {
      return [{ path, reason: `${quoted(networkCidr)} is not private`, remedy }];
    }
    return [];
  },

  ({ settings: { operatorCidrs } }) =>
    (operatorCidrs ?? []).flatMap((range, index) => {
      const wrong = whyNoRange(range);
      return wrong === undefined
        ? []
        : [
            {
              path: `dukaan:operatorCidrs[${index}]`,
              reason: `${quoted(range)} ${wrong}`,
              remedy: "Give a range in CIDR notation, e.g. 198.51.100.7/32 or 2001:db8::/64.",
            },
          ];
    }),

  // On AWS they come through a door that asks who they are, not from where.
  ({ settings: { operatorCidrs, provider }, local }) =>
    operatorCidrs === undefined || operatorCidrs.length > 0 || local || provider === "aws"
      ? []
      : [
          {
            path: "dukaan:operatorCidrs",
            reason: "is empty, so nobody could configure the servers over SSH, this computer included",
            remedy: 'Set it to your own address, e.g. ["198.51.100.7/32"].',
          },
        ],

  ({ settings: { operatorKeys } }) =>
    (operatorKeys ?? []).flatMap((key, index) =>
      isPublicKey(key)
        ? []
        : [
            {
              path: `dukaan:operatorKeys[${index}]`,
              reason: `${quoted(key.slice(0, 40))} is not an OpenSSH public key`,
              remedy: "Give the one line of a .pub file, e.g. of ~/.ssh/id_ed25519.pub.",
            },
          ],
    ),

  domainRules,

  ({ settings: { local: wanted }, endpoint, onThisComputer }) => {
    if (wanted === undefined || wanted === onThisComputer) return [];
    return [
      wanted
        ? {
            path: "dukaan:local",
            reason: `is true, but hcloud:endpoint is ${endpoint ?? "Hetzner's own"}`,
            remedy:
              'Run `./dukaan up`, which starts the local cloud and sets the endpoint; for plain pulumi: eval "$(./dukaan env)".',
          }
        : {
            path: "dukaan:local",
            reason: `is false, but hcloud:endpoint is ${endpoint}, the local cloud`,
            remedy: "Remove one of the two.",
          },
    ];
  },

  ({ endpoint }) => {
    if (endpoint === undefined || URL.canParse(endpoint)) return [];
    return [
      {
        path: "hcloud:endpoint",
        reason: `${quoted(endpoint)} is not a URL`,
        remedy: "Give e.g. http://127.0.0.1:8470/v1, or remove it to use Hetzner's own.",
      },
    ];
  },

  ({ tokenLength, settings: { provider } }) => {
    if (provider === "aws") return [];
    const path = "hcloud:token";
    const remedy =
      "Make one in the Hetzner console (Security → API tokens), then set HCLOUD_TOKEN or run `pulumi config set --secret hcloud:token`.";
    if (tokenLength === 0) return [{ path, reason: "is missing", remedy }];
    return tokenLength === undefined || tokenLength === 64
      ? []
      : [{ path, reason: `has ${tokenLength} characters; a token has 64`, remedy }];
  },
];

function whyNoRange(text: string): string | undefined {
  let parsed: ReturnType<typeof ipaddr.parseCIDR>;
  try {
    parsed = ipaddr.parseCIDR(text);
  } catch {
    return "is not an address range";
  }
  const [address, length] = parsed;
  // ipaddr.js also reads "10.8/16" and "0x0a.0.0.0/8"; firewalls do not.
  if (address.kind() === "ipv4" && !/^(\d{1,3}\.){3}\d{1,3}\/\d{1,2}$/.test(text)) {
    return "is not an address range";
  }
  const first =
    address.kind() === "ipv4"
      ? ipaddr.IPv4.networkAddressFromCIDR(text)
      : ipaddr.IPv6.networkAddressFromCIDR(text);
  return first.toString() === address.toString()
    ? undefined
    : `has host bits set; the range is ${first.toString()}/${length}`;
}

function isPublicKey(line: string): boolean {
  const match =
    /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) ([A-Za-z0-9+/]+={0,2})(?: [^\n\r]*)?$/.exec(
      line,
    );
  if (!match) return false;
  // RFC 4253 §6.6: the blob begins with the length and name of the key's type.
  const [, type = "", encoded = ""] = match;
  const blob = Buffer.from(encoded, "base64");
  return (
    blob.length > 4 + type.length &&
    blob.readUInt32BE(0) === type.length &&
    blob.toString("latin1", 4, 4 + type.length) === type
  );
}

function quoted(value: string): string {
  return JSON.stringify(value);
}

function checkServerType(
  path: string,
  name: string | undefined,
  place: string | undefined,
  local: boolean,
): Problem[] {
  if (name === undefined) return [];
  const type = serverType(name);
  if (type.architecture === "arm") {
    return [
      {
        path,
        reason: `is ${name}, an ARM server`,
        remedy: `Use an x86 type, e.g. ${instanceTypes.includes(type) ? "t3.medium" : "cx23"}.`,
      },
    ];
  }
  if (type.local && !local) {
    return [{ path, reason: `is ${name}, which only the local cloud has`, remedy: "Use e.g. cx23." }];
  }
  if (place === undefined || !type.zones) return [];
  const { provider, zone } = location(place);
  // Another cloud's: the rules for AWS say so.
  if (provider !== "hetzner" || type.zones.includes(zone)) return [];
  return [
    {
      path,
      reason: `is ${name}, which is not offered in ${place}`,
      remedy: `Use a type that ${place} has, e.g. cpx11, or a location in ${type.zones.join(", ")}.`,
    },
  ];
}
