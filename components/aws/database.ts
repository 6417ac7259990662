import { LogGroup } from "@pulumi/aws/cloudwatch/logGroup.js";
import { Instance } from "@pulumi/aws/rds/instance.js";
import { ParameterGroup } from "@pulumi/aws/rds/parameterGroup.js";
import { SubnetGroup } from "@pulumi/aws/rds/subnetGroup.js";
import * as pulumi from "@pulumi/pulumi";
import { RandomPassword } from "@pulumi/random/randomPassword.js";
import { type AwsContext, tags } from "../../src/platform/aws/context.js";
import { databaseAuthority, databaseAuthorityName } from "../../src/platform/aws/database-authority.js";
import { encryptionKey } from "../../src/platform/aws/key.js";
import { managedDatabase } from "../../src/roles/managed-database/index.js";
import { rdsParameters } from "../../src/roles/managed-database/parameters.js";
import type { DatabaseLogin } from "../../src/roles/postgresql/index.js";
import { databaseSizing } from "../../src/roles/postgresql/sizing.js";
import type { ManagedDatabase as AboutDatabase } from "../../src/topology/topology.js";
import type { DatabaseEndpoint, ShopDatabase } from "../database.js";
import { makeLogins } from "../database-login.js";
import type { Machine } from "../machine.js";
import type { Region } from "../region.js";

export interface ManagedDatabaseArgs {
  about: AboutDatabase;
  /** Where it is: in the subnets of its tier, behind that tier's security group. */
  region: Region;
  /** A machine that reaches it, from which the shop's database and its logins are made. */
  server: Machine;
  /** Name of the stack. */
  stack: string;
  /** Refuse that it be deleted; for clouds with real data. */
  protect: boolean;
  /** Numbers of those who may log in; see `Database`. */
  logins: readonly number[];
}

/** Who may make roles and databases there; of RDS, which has no superuser. */
const master = "dukaan";
/** What is logged is kept for as long; the cost model says the same. */
const logDays = 30;
/** UTC; AWS wants them apart. A standby is updated first, and takes over meanwhile. */
const backupWindow = "01:00-02:00";
const maintenanceWindow = "sun:03:00-sun:04:00";

/**
 * The shop's database on RDS for PostgreSQL. Costs its instance, twice with a standby in another zone, its storage, and $1
 * a month for a key. When its zone or its instance is lost the standby takes over within two minutes, under the same name;
 * without one AWS repairs it in place. AWS keeps backups, from which a second database is made as it was at any moment.
 * What `up` changes of it is changed at once: another size breaks connections for a minute or two.
 *
 * The master's password is made by the stack and encrypted in its state, as all others are. RDS could keep it in Secrets
 * Manager, for $0.40 a month; but it would change it every week behind the back of the role that uses it. Nobody logs in by
 * IAM: machines have no role there, and PgBouncer keeps connections for longer than a token is good.
 *
 * @example
 * new ManagedDatabase("database", { about, region, server, stack, protect: true, logins: [1] }, { parent: environment });
 */
export class ManagedDatabase extends pulumi.ComponentResource implements ShopDatabase {
  readonly about: AboutDatabase;
  readonly endpoint: DatabaseEndpoint;
  readonly user: string;
  readonly password: pulumi.Output<string>;
  readonly logins: pulumi.Output<DatabaseLogin[]>;
  readonly ready: pulumi.Output<string>;
  private readonly context: Pick<AwsContext, "stack" | "protect">;

  constructor(name: string, args: ManagedDatabaseArgs, options: pulumi.ComponentResourceOptions) {
    super("dukaan:index:ManagedDatabase", name, {}, options);
    this.about = args.about;
    this.context = args;
    const { user, password, logins } = makeLogins(name, args.logins, this);
    this.user = user;
    this.password = password;
    this.logins = logins;
    const masterPassword = this.makeMasterPassword(name);
    const instance = this.makeInstance(name, args, masterPassword);
    this.endpoint = {
      host: instance.address,
      remote: true,
      authority: databaseAuthority(args.region.about.location),
    };
    this.ready = this.setUp(args, masterPassword);
    this.registerOutputs({});
  }

  private makeMasterPassword(name: string): pulumi.Output<string> {
    return new RandomPassword(`${name}-master`, { length: 40, special: false }, { parent: this }).result;
  }

  private makeInstance(
    name: string,
    { about, region, protect }: ManagedDatabaseArgs,
    password: pulumi.Output<string>,
  ): Instance {
    const identifier = `dukaan-${this.context.stack}-${about.name}`;
    const description = `Database of ${this.context.stack}`;
    const key = encryptionKey(this.context, name, description, { parent: this });
    const logs = this.makeLogGroups(name, identifier);
    return new Instance(
      name,
      {
        identifier,
        engine: "postgres",
        // AWS takes its newest minor version, and goes on to newer ones in the window for that.
        engineVersion: about.version,
        autoMinorVersionUpgrade: true,
        instanceClass: about.instanceClass,
        multiAz: about.multiAz,
        applyImmediately: true,

        allocatedStorage: about.storageGB,
        storageType: "gp3",
        storageEncrypted: true,
        kmsKeyId: key.arn,

        dbSubnetGroupName: this.makeSubnetGroup(name, region).name,
        vpcSecurityGroupIds: [region.firewallOf(about.tier).firewallId],
        publiclyAccessible: false,
        port: 5432,
        caCertIdentifier: databaseAuthorityName,

        parameterGroupName: this.makeParameterGroup(name).name,
        username: master,
        password,
        iamDatabaseAuthenticationEnabled: false,

        backupRetentionPeriod: about.backupDays,
        backupWindow,
        maintenanceWindow,
        copyTagsToSnapshot: true,
        // Whoever deletes it on purpose has a copy, and what could be restored still can.
        skipFinalSnapshot: false,
        finalSnapshotIdentifier: `${identifier}-final`,
        deleteAutomatedBackups: false,
        deletionProtection: protect,

        enabledCloudwatchLogsExports: ["postgresql", "upgrade"],
        tags: this.tags(name),
      },
      { parent: this, protect, dependsOn: logs, additionalSecretOutputs: ["password"] },
    );
  }

  /** In every zone, whether it has a standby or not: it can be given one later. */
  private makeSubnetGroup(name: string, { about, network }: Region): SubnetGroup {
    const { tier } = this.about;
    const subnets = about.subnets.filter((subnet) => subnet.tier === tier);
    return new SubnetGroup(
      name,
      {
        name: `dukaan-${this.context.stack}-${name}`,
        description: "Where the database can be",
        subnetIds: subnets.map(({ zone }) => network.subnet(tier, zone).id),
        tags: this.tags(name),
      },
      { parent: this },
    );
  }

  private makeParameterGroup(name: string): ParameterGroup {
    const { version, storageGB, ...machine } = this.about;
    return new ParameterGroup(
      name,
      {
        // It cannot be made for another version while it is in use: that one gets another.
        name: `dukaan-${this.context.stack}-${name}-${version}`,
        family: `postgres${version}`,
        description: "Sized by the instance, as PostgreSQL on a machine of the stack is",
        parameters: rdsParameters(databaseSizing({ ...machine, diskGB: storageGB }, true)),
        tags: this.tags(name),
      },
      { parent: this },
    );
  }

  /** AWS makes them by itself when there are none, and keeps what is in them for ever. */
  private makeLogGroups(name: string, identifier: string): LogGroup[] {
    return ["postgresql", "upgrade"].map(
      (log) =>
        new LogGroup(
          `${name}-${log}`,
          {
            name: `/aws/rds/instance/${identifier}/${log}`,
            retentionInDays: logDays,
            tags: this.tags(`${name}-${log}`),
          },
          { parent: this },
        ),
    );
  }

  private setUp(
    { server, region }: ManagedDatabaseArgs,
    password: pulumi.Output<string>,
  ): pulumi.Output<string> {
    const definition = managedDatabase({
      host: this.endpoint.host,
      authority: databaseAuthority(region.about.location),
      master: { user: master, password },
      logins: this.logins,
    });
    return server.role(this, definition).digest;
  }

  private tags(name: string): Record<string, string> {
    return tags(this.context, name, { region: this.about.region });
  }
}
