import { setTimeout as sleep } from "node:timers/promises";
import { AwsError } from "../../src/aws/error.js";
import { type AwsAnswer, type AwsRequest, sendSigned } from "../../src/aws/request.js";
import { ProviderError } from "./resource.js";

/** How often a request is tried that gets no answer, or "not now" for one. */
const tries = 4;

/**
 * Sends a signed request until it is answered.
 * @param who is asked, for messages, e.g. "the object storage"
 * @param make the request, anew for each try: a stream is read once
 * @throws ProviderError when there are no credentials, or no answer
 */
export async function askAws(who: string, make: () => AwsRequest, signal: AbortSignal): Promise<AwsAnswer> {
  for (let attempt = 1; ; attempt++) {
    const request = make();
    const answer = await sendSigned(request, signal).catch((error: Error) => error);
    if (!(answer instanceof Error) && answer.status < 500 && !answer.body.includes("Throttling"))
      return answer;
    signal.throwIfAborted();
    if (answer instanceof AwsError) throw withRemedy(answer);
    if (attempt >= tries)
      throw new ProviderError(
        `${who} does not answer at ${request.url.replace(/\?.*/, "")}: ${answer instanceof Error ? answer.message : said(answer)}. ` +
          "Check this computer's network (behind a proxy with an own authority: AWS_CA_BUNDLE).",
      );
    await sleep(250 * 2 ** attempt, undefined, { signal });
  }
}

/** What is wrong with the access to AWS, as Pulumi shows it. */
export function withRemedy({ message, remedy }: AwsError): ProviderError {
  return new ProviderError(`${message}. ${remedy}`);
}

/** An answer's status, with AWS's code and words where it has some. */
export function said({ status, body }: AwsAnswer): string {
  const [code, message] = [element(body, "Code"), element(body, "Message")];
  return `HTTP ${status}${code === undefined ? "" : `, ${code}: ${message ?? ""}`}`;
}

/** What an element of an answer in XML holds: names and times, in which nothing is escaped, and sentences for people. */
export function element(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
}
