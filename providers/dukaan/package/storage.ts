import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { type AwsAnswer, type AwsRequest, endpointOf } from "../../../src/aws/request.js";
import { askAws, element, said } from "../ask-aws.js";
import { ProviderError } from "../resource.js";
import { sha256 } from "../role/specification.js";

/** A bucket of an object storage with the S3 API. */
export type Bucket = {
  endpoint: string;
  region: string;
  bucket: string;
};

export interface StoredObject {
  key: string;
  /** ISO 8601. */
  modified: string;
}

/** A file on this computer whose size and SHA-256 are known. */
export interface LocalFile {
  path: string;
  size: number;
  digest: string;
}

/** The requests of a package's resource, signed with the credentials that AWS's own tools find. */
export class Storage {
  constructor(
    private readonly place: Bucket,
    private readonly signal: AbortSignal,
  ) {}

  /** What was said about an object when it was put there; undefined when it is not there. */
  async look(key: string): Promise<string | undefined> {
    const answer = await this.send("HEAD", key);
    if (answer.status === 404) return undefined;
    this.expect(answer, [200], `look at ${key}`);
    return String(answer.headers[about] ?? "");
  }

  /** @param words to be found again by {@link look} */
  async put(key: string, content: Buffer | LocalFile, words = ""): Promise<void> {
    const size = Buffer.isBuffer(content) ? content.length : content.size;
    const digest = Buffer.isBuffer(content) ? sha256(content) : content.digest;
    const headers = {
      "content-type": "application/gzip",
      "content-length": String(size),
      "x-amz-content-sha256": digest,
      ...(words && { [about]: words }),
    };
    const body = () => (Buffer.isBuffer(content) ? content : createReadStream(content.path));
    this.expect(await this.send("PUT", key, headers, body), [200], `write ${key}`);
  }

  /** The objects below a folder, of which there are few. None when the bucket is gone. */
  async list(folder: string): Promise<StoredObject[]> {
    const answer = await this.send("GET", `?list-type=2&prefix=${encodeURIComponent(folder)}`);
    if (answer.status === 404) return [];
    this.expect(answer, [200], `list ${folder}`);
    return [...answer.body.matchAll(/<Contents>.*?<\/Contents>/gs)].map(([entry]) => ({
      key: element(entry, "Key") ?? "",
      modified: element(entry, "LastModified") ?? "",
    }));
  }

  async remove(key: string): Promise<void> {
    this.expect(await this.send("DELETE", key), [200, 204, 404], `delete ${key}`);
  }

  private async send(
    method: AwsRequest["method"],
    path: string,
    headers: Record<string, string> = { "x-amz-content-sha256": sha256("") },
    body?: () => Buffer | Readable,
  ): Promise<AwsAnswer> {
    const { region, bucket, endpoint } = this.place;
    const url = `${endpointOf("S3", endpoint)}/${bucket}/${path}`;
    const make = () => ({ service: "s3", region, method, url, headers, ...(body && { body: body() }) });
    return askAws("the object storage", make, this.signal);
  }

  private expect(answer: AwsAnswer, wanted: readonly number[], what: string): void {
    if (wanted.includes(answer.status)) return;
    throw new ProviderError(
      `the object storage does not let us ${what} in the bucket ${this.place.bucket}: ${said(answer)}. ` +
        "Is the bucket there, and may your identity (aws sts get-caller-identity) write, read, list and delete in it?",
    );
  }
}

/** The header in which words about an object are kept. */
const about = "x-amz-meta-objects";
