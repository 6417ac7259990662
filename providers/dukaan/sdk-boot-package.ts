import * as pulumi from "@pulumi/pulumi";
import { sealEnvironment, sealFiles, type ReleaseArgs, type RoleArgs } from "./sdk.js";

/** What machines are to have that nobody is there to configure, and where they find it. */
export interface BootPackageArgs {
  /** Origin of the S3 API, e.g. `https://s3.us-east-1.amazonaws.com`. */
  endpoint: pulumi.Input<string>;
  /** e.g. `us-east-1` */
  region: pulumi.Input<string>;
  /** The package's alone: `boot/` and `objects/` in it are emptied when the package is deleted. */
  bucket: pulumi.Input<string>;
  /** In the order in which they are applied. */
  roles: Omit<RoleArgs, "connection" | "serverId" | "after">[];
  /** Switched to when all roles are applied. It migrates nothing: somebody else does, before. */
  release: Omit<ReleaseArgs, "connection" | "serverId" | "migrate" | "rotation" | "standbySeconds" | "after">;
  /** Digests of roles and releases that the package must follow; they order, nothing else. */
  after?: pulumi.Input<string>[];
}

/**
 * Roles and a release as one archive in a bucket, from which machines configure themselves when they boot
 * (`src/platform/aws/boot.sh`). Uploaded with the credentials that AWS's own tools find.
 */
export class BootPackage extends pulumi.CustomResource {
  /** Where the archive is in the bucket, e.g. `boot/<sha256>.tar.gz`. */
  declare readonly key: pulumi.Output<string>;
  /** SHA-256 of the archive. */
  declare readonly digest: pulumi.Output<string>;
  /** Identifies what is in it; another archive with the same content is no change. */
  declare readonly contentId: pulumi.Output<string>;

  constructor(name: string, args: BootPackageArgs, options?: pulumi.CustomResourceOptions) {
    const inputs = {
      ...args,
      roles: args.roles.map((role) => ({ ...role, files: sealFiles(role.files) })),
      release: { ...args.release, environment: sealEnvironment(args.release.environment) },
    };
    const outputs = { key: undefined, digest: undefined, contentId: undefined };
    super("dukaan:index:BootPackage", name, { ...inputs, ...outputs }, options);
  }
}
