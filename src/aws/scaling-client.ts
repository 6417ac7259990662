import { readFile } from "node:fs/promises";
import { Agent } from "node:https";
import { AutoScalingClient } from "@aws-sdk/client-auto-scaling";
import { awsCredentials } from "./credentials.js";

/**
 * A client of Auto Scaling with the caller's credentials. Another one each time that something is asked: the SDK keeps
 * credentials that do not say when they run out. Honours AWS_ENDPOINT_URL_AUTO_SCALING, AWS_ENDPOINT_URL and AWS_CA_BUNDLE.
 * @param region e.g. "us-east-1"
 * @param attempts how often a request is sent that gets no answer, or "not now" for one
 */
export async function scalingClient(region: string, attempts: number): Promise<AutoScalingClient> {
  const bundle = process.env["AWS_CA_BUNDLE"];
  return new AutoScalingClient({
    region,
    maxAttempts: attempts,
    credentials: awsCredentials,
    ...(bundle && { requestHandler: { httpsAgent: new Agent({ ca: await readFile(bundle) }) } }),
  });
}
