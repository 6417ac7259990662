import { type AwsRequest, endpointOf } from "../../../src/aws/request.js";
import { askAws, said } from "../ask-aws.js";
import { ProviderError } from "../resource.js";
import { sha256 } from "../role/specification.js";

/**
 * Which of some alarms of CloudWatch are raised.
 * @throws ProviderError with AWS's words
 */
export async function raisedAlarms(
  region: string,
  names: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  if (names.length === 0) return [];
  const query = new URLSearchParams({ Action: "DescribeAlarms", Version: "2010-08-01", StateValue: "ALARM" });
  for (const [index, name] of names.entries()) query.set(`AlarmNames.member.${index + 1}`, name);
  const form = Buffer.from(query.toString());
  const request: AwsRequest = {
    service: "monitoring",
    region,
    method: "POST",
    url: `${endpointOf("CLOUDWATCH", `https://monitoring.${region}.amazonaws.com`)}/`,
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      "content-length": String(form.length),
      "x-amz-content-sha256": sha256(form.toString()),
    },
    body: form,
  };
  const answer = await askAws("CloudWatch", () => request, signal);
  if (answer.status !== 200)
    throw new ProviderError(
      `CloudWatch in ${region} does not say whether ${names.join(", ")} is raised: ${said(answer)}. May your identity cloudwatch:DescribeAlarms?`,
    );
  // Names of alarms are ours: nothing in them is escaped.
  return names.filter((name) => answer.body.includes(`<AlarmName>${name}</AlarmName>`));
}
