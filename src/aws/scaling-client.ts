import { AutoScalingClient } from "@aws-sdk/client-auto-scaling";
import { clientOptions } from "./client-options.js";

/**
 * A client of Auto Scaling. Honours AWS_ENDPOINT_URL_AUTO_SCALING too; see {@link clientOptions}.
 * @param region e.g. "us-east-1"
 * @param attempts how often a request is sent that gets no answer, or "not now" for one
 */
export async function scalingClient(region: string, attempts: number): Promise<AutoScalingClient> {
  return new AutoScalingClient(await clientOptions(region, attempts));
}
