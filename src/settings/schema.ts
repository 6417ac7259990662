import type { XStatic } from "typebox/schema";
import { instanceTypes } from "../topology/aws-catalog.js";
import { type Provider, images, locations, providers, serverTypes } from "../topology/catalog.js";
import { stages } from "../topology/stages.js";
import type { AcmeSettings } from "./acme.js";
import type { BackupSettings } from "./backup.js";
import type { BucketSettings, OwnBucket } from "./object-storage.js";
import type { Capacity } from "./capacity.js";
import type { FailoverSettings } from "./failover.js";
import { setByCommands } from "./set-by-commands.js";
import type { SmsSettings } from "./sms.js";

/** With more than this, each one's part of the database's connections is too small to be worth a server. */
export const mostAppServers = 20;

const serverNames = [...serverTypes, ...instanceTypes].map(({ name }) => name);

/**
 * Every setting of a stack, as it stands in `Pulumi.<stack>.yaml` below `config:` with the prefix `dukaan:`. JSON Schema;
 * what a schema cannot say (a range has no host bits, a key is a key) is in ./rules.ts.
 */
export const settingsSchema = {
  type: "object",
  properties: {
    stage: {
      description: "Stage of the platform's life.",
      enum: stages,
      default: "droplet",
    },
    provider: {
      description: "Cloud that the home region is on.",
      enum: providers,
      default: "hetzner",
    },
    location: {
      description: "The home region's location: Hetzner's, or a region of AWS.",
      type: "string",
      enum: locations.map(({ name }) => name),
      default: "fsn1",
    },
    serverType: {
      description:
        "Size of a server. Without one: local-512 on the local cloud, else cx23; on AWS t3.medium.",
      type: "string",
      enum: serverNames,
    },
    databaseServerType: {
      description: "Size of the database's server, from stage split on. Without one: the same as serverType.",
      type: "string",
      enum: serverNames,
    },
    appServers: {
      description:
        "How many app servers, from stage fleet on. `./dukaan up` adds and removes them while the shop is open.",
      type: "integer",
      minimum: 1,
      maximum: mostAppServers,
      default: 2,
      examples: [2],
    },
    appServersMost: {
      description:
        "On AWS, with dukaan:managed and dukaan:loadBalancer: managed: how many app servers there may be, dukaan:appServers being the fewest. All but the first are in an Auto Scaling group, which has as many as the load asks for.",
      type: "integer",
      minimum: 3,
      maximum: mostAppServers,
      examples: [8],
    },
    loadBalancer: {
      description:
        "What is before the app servers from stage fleet on: HAProxy on a server of its own; or managed, the provider's load balancer.",
      enum: ["haproxy", "managed"],
      default: "haproxy",
    },
    rollout: {
      description:
        "How a release reaches the app servers: rolling, one after the other; or blue-green, started beside the old one on all of them, then all at once.",
      enum: ["rolling", "blue-green"],
      default: "rolling",
    },
    loadBalancers: {
      description:
        "How many load balancers, from stage fleet on. Two share a floating IP: when one fails the other has it within three seconds.",
      type: "integer",
      minimum: 1,
      maximum: 2,
      default: 1,
      examples: [2],
    },
    floatingIp: {
      description:
        "Whether the shop's address is a floating IP, from stage fleet on: with two load balancers always. true with one keeps the address that two had, or has one from the start that stays when there are two.",
      type: "boolean",
    },
    failover: {
      description:
        "How load balancers have the floating IP led to themselves: the cloud's API, see ./failover.ts. On the local cloud `./dukaan` sets it.",
    },
    databaseVolume: {
      description:
        "Size in GB of a volume for the database's files, from stage split on: its server can then be made anew and keeps the data. It may grow, never shrink. Without one they are on the server's own disk.",
      type: "integer",
      minimum: 10,
      maximum: 10240,
      examples: [20],
    },
    managed: {
      description:
        "On AWS, from stage split on: whether AWS runs the database (RDS) instead of a server of the stack. Cannot be changed later.",
      type: "boolean",
    },
    multiAz: {
      description:
        "Whether a managed database has a standby in another availability zone, which takes over within two minutes. It costs as much as the database. Without a word: true.",
      type: "boolean",
    },
    backupDays: {
      description:
        "For how many days back a managed database can be restored to any moment. Without a word: 7.",
      type: "integer",
      minimum: 7,
      maximum: 35,
      examples: [14],
    },
    publicIpv4: {
      description:
        "Which servers have an IPv4 address beside IPv6: all, or only the entries, which the public reaches. It saves half a euro a month a server; then this computer and the object storage must have IPv6.",
      enum: ["all", "entries"],
      default: "all",
    },
    nat: {
      description:
        "On AWS: how servers that the public does not reach get to the internet. none: each by a public address of its own; instance or gateway: without one, by a NAT instance, or by a NAT gateway in each zone.",
      enum: ["none", "instance", "gateway"],
    },
    image: {
      description: "Operating system of the servers.",
      enum: images,
      default: "debian-12",
    },
    domain: {
      description:
        "Name under which the shop is reached; without one it is reached by address. Of no effect on the local cloud, unless dukaan:acme is set.",
      type: "string",
      maxLength: 253,
      examples: ["shop.example.com"],
    },
    hostedZone: {
      description:
        "On AWS: the zone of Route 53 that the domain is in, by its name or its id. The domain's addresses are kept there, and with dukaan:loadBalancer: managed AWS signs the certificate.",
      type: "string",
      maxLength: 253,
      examples: ["example.com"],
    },
    acme: {
      description:
        "Who signs the public's certificate, see ./acme.ts; or none. Without it Let's Encrypt does, for a shop with a domain on a real cloud.",
    },
    operatorCidrs: {
      description:
        "Addresses that may log in over SSH. On the local cloud only this computer is outside, so it need not be set there.",
      type: "array",
      items: { type: "string" },
      maxItems: 50,
      uniqueItems: true,
      default: [],
      examples: [["198.51.100.7/32"]],
    },
    operatorKeys: {
      description: "OpenSSH public keys of people who may log in as root, beside the stack's own deploy key.",
      type: "array",
      items: { type: "string" },
      maxItems: 50,
      uniqueItems: true,
      default: [],
      examples: [["ssh-ed25519 AAAA… ada@laptop"]],
    },
    local: {
      description:
        "true: this stack runs on the local cloud and nowhere else; it refuses an endpoint that is not on this computer.",
      type: "boolean",
    },
    networkCidr: {
      description: "Private /16 of the home region; further regions take the ones behind it.",
      type: "string",
      default: "10.10.0.0/16",
    },
    databaseLogins: {
      description:
        "Numbers of the logins that the database has (2: shop_2), each with a password of its own. The app uses the first; one behind it still works. Set by ./dukaan rotate database-password.",
      type: "array",
      items: { type: "integer", minimum: 1, maximum: 9999 },
      minItems: 1,
      maxItems: 2,
      uniqueItems: true,
      default: [1],
      examples: [[1]],
    },
    backup: {
      description:
        "Where backups go: an S3 bucket, see ./backup.ts; own, one that the stack makes on AWS; or none. On the local cloud `./dukaan` sets it.",
    },
    images: {
      description:
        "Where the shops' pictures are: an S3 bucket, see ./images.ts; own, one that the stack makes on AWS; or none. On the local cloud `./dukaan` sets it.",
    },
    sms: {
      description:
        "Where sign-in codes go: the webhook of an SMS provider, see ./sms.ts; or log, as on the local cloud.",
    },
    capacity: {
      description:
        "What one piece of work costs and what machines need at least: ./dukaan cost sizes machines by it, see ./capacity.ts.",
    },
    release: {
      description:
        "Digest of the app's bundle that the stack stays at, whatever is built. Set by ./dukaan rollback, taken away by ./dukaan up --release latest.",
      type: "string",
      minLength: 64,
      maxLength: 64,
    },
    monthlyBudget: {
      description:
        "Euros that servers, addresses, volumes and load balancers of a stack on a real cloud may cost a month; ./dukaan up refuses above it.",
      type: "number",
      exclusiveMinimum: 0,
      examples: [50],
    },
    ...setByCommands,
  },
  // They all have a default.
  required: [
    "stage",
    "provider",
    "location",
    "appServers",
    "loadBalancer",
    "rollout",
    "loadBalancers",
    "publicIpv4",
    "image",
    "operatorCidrs",
    "operatorKeys",
    "networkCidr",
    "databaseLogins",
  ],
  additionalProperties: false,
} as const;

/** Settings that have passed the schema. The types of computed lists of names are not inferred. */
export type RawSettings = Omit<
  XStatic<typeof settingsSchema>,
  | "location"
  | "serverType"
  | "databaseServerType"
  | "acme"
  | "backup"
  | "capacity"
  | "failover"
  | "images"
  | "sms"
> & {
  location: string;
  serverType?: string;
  databaseServerType?: string;
};

/** Checked settings of one stack. */
export interface Settings {
  /** Name of the Pulumi stack. */
  stack: string;
  stage: (typeof stages)[number];
  provider: Provider;
  location: string;
  serverType: string;
  databaseServerType: string;
  /** From stage fleet on. */
  appServers: number;
  /** From stage fleet on: the provider starts app servers up to so many. Absent: there are as many as {@link appServers} says. */
  appServersMost?: number;
  /** From stage fleet on. */
  loadBalancer: "haproxy" | "managed";
  rollout: "rolling" | "blue-green";
  /** From stage fleet on. */
  loadBalancers: number;
  /** Whether the shop's address goes from one load balancer to another. */
  floatingIp: boolean;
  /** Absent: no token is known; topologies are drawn without one. */
  failover?: FailoverSettings;
  /** GB; absent: the database is on its server's own disk, or has the least that the provider gives. */
  databaseVolume?: number;
  /** How the provider runs the database; absent: the stack does. Never at stage droplet. */
  managed?: { multiAz: boolean; backupDays: number };
  publicIpv4: "all" | "entries";
  /** Absent: none. */
  nat?: "instance" | "gateway";
  image: (typeof images)[number];
  domain?: string;
  /** Zone of Route 53 that the domain is in, by name or id. Absent: its addresses are kept elsewhere, by hand. */
  hostedZone?: string;
  /** Absent: the stack's own authority signs the public's certificate. */
  acme?: AcmeSettings;
  /** IPv4 and IPv6 ranges. */
  operatorCidrs: string[];
  operatorKeys: string[];
  /** Whether the endpoint is the local cloud. */
  local: boolean;
  networkCidr: string;
  /** Numbers of the database's logins; the app uses the first. */
  databaseLogins: number[];
  /** Absent: there are none, and that was said. */
  backup?: BackupSettings;
  /** Absent: there are no pictures, and that was said. */
  images?: BucketSettings | OwnBucket;
  /** How sign-in codes reach merchants. */
  sms: SmsSettings;
  /** Absent: the defaults. */
  capacity?: Capacity;
  /** Digest of the bundle that the app stays at. */
  release?: string;
  /** Euros a month, see the schema. */
  monthlyBudget?: number;
  /** See the schema. */
  joining?: "droplet" | "split";
  /** See the schema. */
  leaving?: "droplet" | "split" | "fleet";
  /** Absent: standby. */
  playbook?: "standby" | "book";
  changeToken?: string;
}

/** One thing that is wrong, for a person to correct. */
export interface Problem {
  /** e.g. "dukaan:operatorCidrs[1]" */
  path: string;
  reason: string;
  remedy: string;
}
