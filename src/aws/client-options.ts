import { readFile } from "node:fs/promises";
import { Agent } from "node:https";
import { awsCredentials } from "./credentials.js";

/**
 * What a client of AWS's SDK is made with, for the caller's credentials. Another client each time that something is asked: the
 * SDK keeps credentials that do not say when they run out. Honours AWS_CA_BUNDLE, as the SDK does AWS_ENDPOINT_URL and its like.
 * @param region e.g. "us-east-1"
 * @param attempts how often a request is sent that gets no answer, or "not now" for one
 */
export async function clientOptions(region: string, attempts: number) {
  const bundle = process.env["AWS_CA_BUNDLE"];
  return {
    region,
    maxAttempts: attempts,
    credentials: awsCredentials,
    ...(bundle && { requestHandler: { httpsAgent: new Agent({ ca: await readFile(bundle) }) } }),
  };
}
