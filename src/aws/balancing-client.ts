import { ElasticLoadBalancingV2Client } from "@aws-sdk/client-elastic-load-balancing-v2";
import { clientOptions } from "./client-options.js";

/**
 * A client of Elastic Load Balancing. Honours AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2 too; see {@link clientOptions}.
 * @param region e.g. "us-east-1"
 * @param attempts how often a request is sent that gets no answer, or "not now" for one
 */
export async function balancingClient(
  region: string,
  attempts: number,
): Promise<ElasticLoadBalancingV2Client> {
  return new ElasticLoadBalancingV2Client(await clientOptions(region, attempts));
}
