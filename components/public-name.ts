import * as pulumi from "@pulumi/pulumi";
import type { PublicFront } from "../src/platform/platform.js";
import type { Region } from "./region.js";

export interface PublicNameArgs {
  region: Region;
  /** The name that the public comes by. */
  domain: string;
  /** The zone in the cloud's DNS that it is in, by name or id. */
  hostedZone: string;
  /** Where it leads. */
  front: PublicFront;
  /** What serves there. */
  after: readonly pulumi.Resource[];
}

/**
 * The shop's name in the cloud's DNS: leads to the public's way in, and goes with it from stage to stage when the new one
 * serves. Costs nothing beside the zone. Answers are good for a minute: for so long visitors may still come to the old way
 * in, which `evolve` keeps open. A name that leads elsewhere already is not taken over: `up` says so and stops.
 *
 * @example
 * new PublicName("shop", { region, domain, hostedZone, front, after: [app] }, { parent: environment });
 */
export class PublicName extends pulumi.ComponentResource {
  constructor(name: string, args: PublicNameArgs, options: pulumi.ComponentResourceOptions) {
    super("dukaan:index:PublicName", name, {}, options);
    const { region, domain, hostedZone, front, after } = args;
    region.platform.publicName(name, { domain, hostedZone, front }, { parent: this, dependsOn: [...after] });
    this.registerOutputs({});
  }
}
