import * as pulumi from "@pulumi/pulumi";
import type {
  BucketAccess,
  PlannedBucket,
  PlatformStorage,
  ReleaseBucket,
} from "../src/platform/platform.js";
import type { BucketSettings, OwnBucket } from "../src/settings/object-storage.js";
import type { Region } from "./region.js";

export interface ObjectStorageArgs {
  region: Region;
  buckets: readonly PlannedBucket[];
}

/**
 * Buckets of the stack's own, for backups and pictures: made with the stack, protected, each with a key of its own for the
 * program that uses it; and for releases, where a group of machines boots from them. Costs what is in them and a key for their encryption ($1 a month). While they cannot be reached the
 * shop is open: WAL waits on the database's disk, and pictures that no app server has at hand are missing.
 *
 * @example
 * const storage = new ObjectStorage("storage", { region, buckets: [{ name: "images" }] }, { parent: environment });
 */
export class ObjectStorage extends pulumi.ComponentResource {
  private readonly made: PlatformStorage;

  constructor(
    name: string,
    { region, buckets }: ObjectStorageArgs,
    options: pulumi.ComponentResourceOptions,
  ) {
    super("dukaan:index:ObjectStorage", name, {}, options);
    this.made = region.platform.objectStorage(buckets, region.network, { parent: this });
    this.registerOutputs({});
  }

  /** @throws Error when it is not among the stack's own */
  bucket(name: PlannedBucket["name"]): BucketAccess {
    const found = this.made.access.get(name);
    if (!found) throw new Error(`the stack has no bucket for ${name}`);
    return found;
  }

  /** @throws Error when it is not among the stack's own */
  get releases(): ReleaseBucket {
    if (!this.made.releases) throw new Error("the stack has no bucket for releases");
    return this.made.releases;
  }
}

/** Whether the stack is to make the bucket that a setting chooses. */
export function isOwn<Chosen extends BucketSettings | OwnBucket>(
  chosen: Chosen | undefined,
): chosen is Extract<Chosen, OwnBucket> {
  return chosen !== undefined && "own" in chosen;
}
