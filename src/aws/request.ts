import { readFile } from "node:fs/promises";
import { type IncomingHttpHeaders, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { AwsV4Signer } from "aws4fetch";
import { awsCredentials } from "./credentials.js";

/** A request to one of AWS's services. */
export interface AwsRequest {
  /** As signatures name it, e.g. "s3". */
  service: string;
  /** e.g. "us-east-1" */
  region: string;
  method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  url: string;
  /** With a body, `content-length` and `x-amz-content-sha256` are among them. */
  headers: Record<string, string>;
  body?: Buffer | Readable;
}

/** What it says. */
export interface AwsAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** After this long without a byte in either direction nobody waits any more, in milliseconds. */
const silence = 60_000;

/**
 * Where a service answers. Honours the variables of AWS's own tools, e.g. AWS_ENDPOINT_URL_S3, and AWS_ENDPOINT_URL.
 * @param service as those name it, e.g. "S3"
 */
export function endpointOf(service: string, usual: string): string {
  return process.env[`AWS_ENDPOINT_URL_${service}`] || process.env["AWS_ENDPOINT_URL"] || usual;
}

/**
 * Sends a request that is signed with the caller's credentials. Honours AWS_CA_BUNDLE.
 * @throws AwsError when there are no credentials, Error when there is no answer
 */
export async function sendSigned(
  { service, region, method, url, headers, body }: AwsRequest,
  signal: AbortSignal,
): Promise<AwsAnswer> {
  const credentials = await awsCredentials();
  const signed = await new AwsV4Signer({ ...credentials, service, region, method, url, headers }).sign();
  const bundle = process.env["AWS_CA_BUNDLE"];
  const ca = bundle ? await readFile(bundle) : undefined;
  const send = signed.url.protocol === "http:" ? requestHttp : requestHttps;
  return new Promise((resolve, reject) => {
    const request = send(
      signed.url,
      { method, headers: Object.fromEntries(signed.headers), signal, timeout: silence, ...(ca && { ca }) },
      (response) => {
        text(response).then(
          (said) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: said }),
          reject,
        );
      },
    );
    request.once("timeout", () => request.destroy(new Error(`silent for ${silence / 1000} s`)));
    request.once("error", reject);
    if (body instanceof Readable) pipeline(body, request).catch(reject);
    else request.end(body);
  });
}
