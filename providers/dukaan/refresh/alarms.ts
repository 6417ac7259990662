import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { AwsError } from "../../../src/aws/error.js";
import { type AwsAnswer, type AwsRequest, endpointOf, sendSigned } from "../../../src/aws/request.js";
import { ProviderError } from "../resource.js";

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
      "x-amz-content-sha256": createHash("sha256").update(form).digest("hex"),
    },
    body: form,
  };
  const { status, body } = await ask(request, signal);
  if (status !== 200)
    throw new ProviderError(
      `CloudWatch in ${region} does not say whether ${names.join(", ")} is raised: HTTP ${status}, ${body.slice(0, 300)}. May your identity cloudwatch:DescribeAlarms?`,
    );
  // Names of alarms are ours: nothing in them is escaped.
  return names.filter((name) => body.includes(`<AlarmName>${name}</AlarmName>`));
}

/** How often it is asked that does not answer, or is asked too often. */
const tries = 6;

/** @throws ProviderError when there is no answer */
async function ask(request: AwsRequest, signal: AbortSignal): Promise<AwsAnswer> {
  for (let attempt = 1; ; attempt++) {
    const answer = await sendSigned(request, signal).catch((error: Error) => error);
    signal.throwIfAborted();
    if (answer instanceof AwsError) throw new ProviderError(`${answer.message}. ${answer.remedy}`);
    const again = answer instanceof Error || answer.status >= 500 || answer.body.includes("Throttling");
    if (!again) return answer;
    if (attempt === tries && !(answer instanceof Error)) return answer;
    if (attempt === tries)
      throw new ProviderError(
        `CloudWatch does not answer at ${request.url}: ${(answer as Error).message}. Check this computer's network and run it again.`,
      );
    await sleep(250 * 2 ** attempt, undefined, { signal });
  }
}
