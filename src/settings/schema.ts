import { Type } from "typebox";
import { images, locations, serverTypes } from "../topology/catalog.js";
import { stages } from "../topology/stages.js";

/**
 * Every setting of a stack, as it stands in `Pulumi.<stack>.yaml` below `config:` with the prefix `dukaan:`.
 * What a schema cannot say (a range has no host bits, a key is a key) is in ./rules.ts.
 */
export const settingsSchema = Type.Object(
  {
    stage: Type.Enum([...stages], {
      description: "Stage of the platform's life.",
      default: "droplet",
    }),
    provider: Type.Enum(["hetzner", "aws"], {
      description: "Cloud that the home region is on.",
      default: "hetzner",
    }),
    location: Type.Enum(
      locations.map(({ name }) => name),
      { description: "The home region's location.", default: "fsn1" },
    ),
    serverType: Type.Optional(
      Type.Enum(
        serverTypes.map(({ name }) => name),
        { description: "Size of a server. Without one: local-512 on the local cloud, else cx23." },
      ),
    ),
    image: Type.Enum([...images], {
      description: "Operating system of the servers.",
      default: "debian-12",
    }),
    domain: Type.Optional(
      Type.String({
        description:
          "Name under which the shop is reached; without one it is reached by address. Of no effect on the local cloud.",
        maxLength: 253,
        examples: ["shop.example.com"],
      }),
    ),
    operatorCidrs: Type.Array(Type.String(), {
      description:
        "Addresses that may log in over SSH. On the local cloud only this computer is outside, so it need not be set there.",
      default: [],
      maxItems: 50,
      uniqueItems: true,
      examples: [["198.51.100.7/32"]],
    }),
    operatorKeys: Type.Array(Type.String(), {
      description: "OpenSSH public keys of people who may log in as root, beside the stack's own deploy key.",
      default: [],
      maxItems: 50,
      uniqueItems: true,
      examples: [["ssh-ed25519 AAAA… ada@laptop"]],
    }),
    local: Type.Optional(
      Type.Boolean({
        description:
          "true: this stack runs on the local cloud and nowhere else; it refuses an endpoint that is not on this computer.",
      }),
    ),
    networkCidr: Type.String({
      description: "Private /16 of the home region; further regions take the ones behind it.",
      default: "10.10.0.0/16",
    }),
    changeToken: Type.Optional(
      Type.String({
        description: "Allows one change that moves data. Set by commands that move it, never by hand.",
      }),
    ),
  },
  { additionalProperties: false },
);

export type RawSettings = Type.Static<typeof settingsSchema>;

/** Checked settings of one stack. */
export interface Settings {
  /** Name of the Pulumi stack. */
  stack: string;
  stage: (typeof stages)[number];
  provider: "hetzner";
  location: string;
  serverType: string;
  image: (typeof images)[number];
  domain?: string;
  /** IPv4 and IPv6 ranges. */
  operatorCidrs: string[];
  operatorKeys: string[];
  /** Whether the endpoint is the local cloud. */
  local: boolean;
  networkCidr: string;
  changeToken?: string;
}

/** One thing that is wrong, for a person to correct. */
export interface Problem {
  /** e.g. "dukaan:operatorCidrs[1]" */
  path: string;
  reason: string;
  remedy: string;
}
