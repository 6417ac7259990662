import * as pulumi from "@pulumi/pulumi";

export interface InstanceRefreshArgs {
  /** e.g. `us-east-1` */
  region: pulumi.Input<string>;
  /** The name of the Auto Scaling group; another one: another resource. */
  group: pulumi.Input<string>;
  /** The id of the launch template, and its version, that all instances are to be of. */
  template: pulumi.Input<string>;
  templateVersion: pulumi.Input<number>;
  /** As many instances must serve at least. */
  least: pulumi.Input<number>;
  /** Names of alarms of CloudWatch; AWS goes back when one of them goes off while it replaces instances. None may be raised before. @default none */
  alarms?: pulumi.Input<pulumi.Input<string>[]>;
  /** Seconds for which alarms are watched when all instances are replaced. @default 0 */
  bakeSeconds?: pulumi.Input<number>;
}

/**
 * Brings the instances of an Auto Scaling group to a version of its launch template (an instance refresh: new ones first, one
 * after the other) and waits until they serve. Fails with AWS's reason when AWS has gone back to the version before, or
 * when three new instances were given up; then AWS is asked to go back.
 *
 * The group itself must leave its version alone (`ignoreChanges: ["launchTemplate"]`, no `instanceRefresh`): the Terraform
 * provider gives the group the new version before it starts a refresh, and AWS would go "back" to that one.
 * Deleting it changes nothing.
 */
export class InstanceRefresh extends pulumi.CustomResource {
  /** The version that the instances have. */
  declare readonly active: pulumi.Output<number>;

  constructor(name: string, args: InstanceRefreshArgs, options?: pulumi.CustomResourceOptions) {
    super("dukaan:index:InstanceRefresh", name, { ...args, active: undefined }, options);
  }
}
