import { AwsV4Signer } from "aws4fetch";
import { once } from "node:events";
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { text } from "node:stream/consumers";
import { rootCertificates } from "node:tls";
import type { PictureFile } from "./encoder.js";

/** Where pictures are kept. Names are made from the content, so a file is never changed once it is there. */
export interface ImageStore {
  /** Keeps a picture's files. Repeating it is harmless. @throws ImageStoreError */
  put(digest: string, files: readonly PictureFile[]): Promise<void>;
  /** A file's content as it arrives; undefined: there is none. @throws ImageStoreError */
  get(digest: string, name: string): Promise<StoredFile | undefined>;
  /** Deletes files; what is not there is deleted already. @throws ImageStoreError */
  delete(digest: string, names: readonly string[]): Promise<void>;
  /** Ends the connections. */
  close(): void;
}

export interface StoredFile {
  /** In bytes. */
  length: number | undefined;
  body: NodeJS.ReadableStream;
}

/** The storage does not answer, or not as it should. Trying later may help. */
export class ImageStoreError extends Error {
  override name = "ImageStoreError";
}

/** A bucket of an object storage with the S3 API. */
export interface Bucket {
  /** e.g. "https://fsn1.your-objectstorage.com"; the bucket stands in the path. */
  endpoint: string;
  region: string;
  bucket: string;
  accessKey: string;
  secretKey: string;
  /** PEM of the endpoint's authority, where it is none of the public ones. */
  caCertificate?: string;
}

/** How long the storage may be silent, in milliseconds. */
const SILENCE = 5_000;
const CONNECTIONS = 16;

/** {@link ImageStore} in a bucket, which is made with the first picture. */
export class S3ImageStore implements ImageStore {
  readonly #bucket: Bucket;
  readonly #agent: HttpAgent | HttpsAgent;
  #bucketIsThere = false;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
    const options = { keepAlive: true, maxSockets: CONNECTIONS, timeout: SILENCE };
    const { endpoint, caCertificate } = bucket;
    this.#agent = endpoint.startsWith("http:")
      ? new HttpAgent(options)
      : new HttpsAgent({
          ...options,
          ...(caCertificate !== undefined && { ca: [...rootCertificates, caCertificate] }),
        });
  }

  async put(digest: string, files: readonly PictureFile[]): Promise<void> {
    await this.#ensureBucket();
    await Promise.all(
      files.map(async ({ name, contentType, content }) => {
        const headers = {
          "content-type": contentType,
          // For whoever serves the bucket itself, such as a CDN.
          "cache-control": "public, max-age=31536000, immutable",
        };
        const answer = await this.#send("PUT", `/${digest}/${name}`, headers, content);
        const problem = await describe(answer);
        if (answer.statusCode !== 200)
          throw new ImageStoreError(`the object storage took no picture: ${problem}`);
      }),
    );
  }

  async get(digest: string, name: string): Promise<StoredFile | undefined> {
    const answer = await this.#send("GET", `/${digest}/${name}`);
    if (answer.statusCode === 200) {
      const length = Number(answer.headers["content-length"] ?? Number.NaN);
      return { body: answer, length: Number.isNaN(length) ? undefined : length };
    }
    const problem = await describe(answer);
    if (answer.statusCode === 404) return undefined;
    throw new ImageStoreError(`the object storage gave no picture: ${problem}`);
  }

  async delete(digest: string, names: readonly string[]): Promise<void> {
    // At once: the caller holds a lock for as long as this takes.
    await Promise.all(
      names.map(async (name) => {
        const answer = await this.#send("DELETE", `/${digest}/${name}`);
        const problem = await describe(answer);
        if (answer.statusCode !== 204 && answer.statusCode !== 200 && answer.statusCode !== 404)
          throw new ImageStoreError(`the object storage deleted no picture: ${problem}`);
      }),
    );
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Makes the bucket unless it is there. Asked before the first picture only: a bucket does not go away by itself. */
  async #ensureBucket(): Promise<void> {
    if (this.#bucketIsThere) return;
    const found = await this.#send("HEAD", "");
    await describe(found);
    if (found.statusCode === 404) {
      const made = await this.#send("PUT", "");
      const problem = await describe(made);
      // 409: somebody made it at the same time.
      if (made.statusCode !== 200 && made.statusCode !== 409)
        throw new ImageStoreError(`the bucket ${this.#bucket.bucket} cannot be made: ${problem}`);
    }
    // Any other answer, such as to keys that may write and not look: the picture itself will tell.
    this.#bucketIsThere = true;
  }

  async #send(
    method: "GET" | "HEAD" | "PUT" | "DELETE",
    path: string,
    headers: Record<string, string> = {},
    body?: Buffer,
  ): Promise<IncomingMessage> {
    const { endpoint, bucket, region, accessKey, secretKey } = this.#bucket;
    const signed = await new AwsV4Signer({
      method,
      url: `${endpoint}/${bucket}${path}`,
      headers,
      region,
      service: "s3",
      accessKeyId: accessKey,
      secretAccessKey: secretKey,
    }).sign();
    const send = endpoint.startsWith("http:") ? httpRequest : httpsRequest;
    const request = send(signed.url, {
      method,
      agent: this.#agent,
      headers: {
        ...Object.fromEntries(signed.headers),
        ...(method === "PUT" && { "content-length": body?.length ?? 0 }),
      },
      timeout: SILENCE,
    });
    request.once("timeout", () => request.destroy(new Error(`silent for ${SILENCE / 1000} s`)));
    // What fails before an answer is told below, and what fails in it by the answer; a connection that nobody uses any more
    // may end as it likes.
    request.on("error", () => undefined);
    request.end(body);
    try {
      const [answer] = (await once(request, "response")) as [IncomingMessage];
      return answer;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new ImageStoreError(`the object storage does not answer: ${reason}`, { cause: error });
    }
  }
}

/** Status and error code of an answer; reads it to the end, so that its connection can be used again. */
async function describe(answer: IncomingMessage): Promise<string> {
  const body = await text(answer).catch(() => "");
  const code = /<Code>(\w+)<\/Code>/.exec(body)?.[1];
  return `${answer.statusCode}${code === undefined ? "" : ` ${code}`}`;
}
