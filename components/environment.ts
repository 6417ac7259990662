import * as pulumi from "@pulumi/pulumi";
import { Provider as RandomProvider } from "@pulumi/random/provider.js";
import { Provider as DukaanProvider, CertificateAuthority, SshKey, Stage } from "../providers/dukaan/sdk.js";
import { type Platforms, platformOf } from "../src/platform/load.js";
import type { PublicAddress } from "../src/platform/platform.js";
import type { Settings } from "../src/settings/schema.js";
import { privateRanges } from "../src/topology/addresses.js";
import { guarded } from "../src/topology/guard.js";
import type { Topology } from "../src/topology/topology.js";
import type { Machine } from "./machine.js";
import { Region } from "./region.js";

/** RFC 5737 and 3849: the local cloud takes its public addresses from them. */
const documentationRanges = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"];

export interface EnvironmentArgs {
  settings: Settings;
  topology: Topology;
  /** The clouds that the topology's regions are on. */
  platforms: Platforms;
}

/**
 * One stack's ground: its regions with networks, addresses and machines. What a stage adds receives these machines and
 * never parents them, so their URNs are the same at every stage:
 * `dukaan:index:Environment$dukaan:index:Region$dukaan:index:Machine`.
 *
 * Everything in it depends on the guard: a change that would lose data stops before anything else happens.
 *
 * @example
 * const environment = new Environment("shop", { settings, topology, platforms: await loadPlatforms(topology, true) });
 * const server = environment.machine("app-1");
 */
export class Environment extends pulumi.ComponentResource {
  readonly regions: Readonly<Record<string, Region>>;
  /** Logs in to every machine as root. */
  readonly deployKey: SshKey;
  /** Signs what the public sees where no public authority does. */
  readonly authority: CertificateAuthority;
  /** Signs what machines show one another. Nothing that the public knows the shop by is part of it, so it stays. */
  readonly internalAuthority: CertificateAuthority;

  constructor(name: string, args: EnvironmentArgs) {
    // Filled in when the guard is there; until then nothing can depend on it.
    const later: { guard?: Stage } = {};
    super(
      "dukaan:index:Environment",
      name,
      {},
      { providers: makeProviders(args.platforms), transformations: [dependOn(later)] },
    );
    later.guard = this.makeGuard(args);
    this.deployKey = this.makeDeployKey(args);
    this.authority = this.makeAuthority(args);
    this.internalAuthority = this.makeInternalAuthority(args);
    this.regions = this.makeRegions(args);
    this.registerOutputs({});
  }

  /** @throws Error when the topology has no such machine */
  machine(name: string): Machine {
    const found = Object.values(this.regions)
      .flatMap(({ machines }) => machines)
      .find(({ about }) => about.name === name);
    if (!found) throw new Error(`no machine ${name}`);
    return found;
  }

  /** The address by which the public comes, where it goes from one machine to another. */
  get floatingAddress(): PublicAddress | undefined {
    return Object.values(this.regions).flatMap(({ floatingAddresses }) =>
      Object.values(floatingAddresses),
    )[0];
  }

  get machines(): Machine[] {
    return Object.values(this.regions).flatMap(({ machines }) => machines);
  }

  private makeGuard({ settings, topology }: EnvironmentArgs): Stage {
    return new Stage(
      "stage",
      {
        ...guarded(settings, topology),
        ...(settings.changeToken === undefined ? {} : { token: settings.changeToken }),
      },
      { parent: this },
    );
  }

  private makeDeployKey({ topology }: EnvironmentArgs): SshKey {
    return new SshKey("deploy", { comment: `deploy@${topology.stack}` }, { parent: this });
  }

  /** Whoever trusts it trusts it for this stack's names alone: with its key nobody can pose as a bank. */
  private makeAuthority({ settings, topology }: EnvironmentArgs): CertificateAuthority {
    const ranges = topology.regions.map(({ range }) => range);
    // Without a domain there are only addresses; no name at all ends in "invalid" (RFC 2606). On AWS a load balancer has a
    // name, of which nothing but the end is known before.
    const given = settings.provider === "aws" ? `${settings.location}.elb.amazonaws.com` : "invalid";
    return new CertificateAuthority(
      "authority",
      {
        commonName: `Dukaan ${topology.stack}`,
        validityDays: 3650,
        permittedDnsDomains: [settings.domain ?? given],
        // Which addresses a real cloud gives is not known before.
        ...(settings.local && { permittedIpRanges: [...documentationRanges, ...ranges] }),
      },
      { parent: this },
    );
  }

  /** For private addresses alone, wherever a stack's networks are: neither a domain nor a region makes it anew. */
  private makeInternalAuthority({ topology }: EnvironmentArgs): CertificateAuthority {
    return new CertificateAuthority(
      "internal",
      {
        commonName: `Dukaan ${topology.stack} internal`,
        // A new one cannot be trusted everywhere at the same moment: it is to be a rare event.
        validityDays: 7300,
        permittedDnsDomains: ["invalid"],
        permittedIpRanges: [...privateRanges],
      },
      { parent: this },
    );
  }

  private makeRegions({ settings, topology, platforms }: EnvironmentArgs): Record<string, Region> {
    return Object.fromEntries(
      topology.regions.map((about) => [
        about.name,
        new Region(
          about.name,
          {
            about,
            topology,
            platform: platformOf(platforms, about.provider),
            deployKey: this.deployKey,
            operatorKeys: settings.operatorKeys,
          },
          { parent: this },
        ),
      ]),
    );
  }
}

/**
 * The providers of all descendants. Pulumi's default ones would start with their first resource, one after another
 * because of the guard; these start together.
 */
function makeProviders(platforms: Platforms): pulumi.ProviderResource[] {
  const ofClouds = Object.values(platforms).map((platform) => platform.provider());
  return [...ofClouds, new RandomProvider("random"), new DukaanProvider("dukaan")];
}

/** Makes every descendant depend on the guard. */
function dependOn(later: { guard?: Stage }): pulumi.ResourceTransformation {
  return ({ props, opts }) =>
    later.guard && { props, opts: pulumi.mergeOptions(opts, { dependsOn: later.guard }) };
}
