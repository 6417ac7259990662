import { readFile } from "node:fs/promises";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { text } from "node:stream/consumers";
import { AwsV4Signer } from "aws4fetch";
import { awsCredentials } from "./credentials.js";
import { AwsError } from "./error.js";

/** Who the caller is to AWS. */
export interface AwsIdentity {
  /** e.g. "123456789012" */
  account: string;
  /** e.g. "arn:aws:iam::123456789012:user/asha" */
  arn: string;
}

const patienceMilliseconds = 20_000;

/**
 * Asks AWS whose the credentials are (STS, GetCallerIdentity): needs no permission, and shows whether they are good.
 * Honours AWS_CA_BUNDLE, AWS_ENDPOINT_URL_STS and AWS_ENDPOINT_URL.
 * @param region that is asked, e.g. "us-east-1"
 * @throws AwsError
 */
export async function callerIdentity(region: string): Promise<AwsIdentity> {
  const { AWS_ENDPOINT_URL_STS: ofSts, AWS_ENDPOINT_URL: ofAll } = process.env;
  const endpoint = ofSts || ofAll || `https://sts.${region}.amazonaws.com`;
  const signer = new AwsV4Signer({
    ...(await awsCredentials()),
    url: new URL("/?Action=GetCallerIdentity&Version=2011-06-15", endpoint).href,
    method: "GET",
    headers: { accept: "application/json" },
    service: "sts",
    region,
  });
  const { url, headers } = await signer.sign();
  const { status, body } = await get(url, Object.fromEntries(headers)).catch((error: Error) => {
    throw new AwsError(
      `AWS does not answer at ${endpoint}: ${error.message || error.name}`,
      "Check this computer's network (behind a proxy with an own authority: AWS_CA_BUNDLE), and that dukaan:location is right.",
      false,
      { cause: error },
    );
  });
  const { account, arn, said } = read(body);
  if (status === 200 && account !== undefined && arn !== undefined) return { account, arn };
  throw new AwsError(
    `AWS does not take these credentials: HTTP ${status}, ${said}`,
    "Log in again (aws sso login), or correct AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Is this computer's clock right? A region that is not enabled in the account refuses them, too.",
    true,
  );
}

async function get(url: URL, headers: Record<string, string>): Promise<{ status: number; body: string }> {
  const bundle = process.env["AWS_CA_BUNDLE"];
  const ca = bundle ? await readFile(bundle) : undefined;
  const signal = AbortSignal.timeout(patienceMilliseconds);
  return new Promise((resolve, reject) => {
    const request = url.protocol === "http:" ? requestHttp : requestHttps;
    const sent = request(url, { headers, signal, ...(ca && { ca }) }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    sent.once("error", reject).end();
  });
}

interface Answer {
  GetCallerIdentityResponse?: { GetCallerIdentityResult?: { Account?: string; Arn?: string } };
  Error?: { Code?: string; Message?: string };
}

function read(body: string): { account?: string | undefined; arn?: string | undefined; said: string } {
  let answer: Answer = {};
  try {
    answer = JSON.parse(body) as Answer;
  } catch {
    // Somebody else's answer, e.g. a proxy's page.
  }
  const { Account: account, Arn: arn } = answer.GetCallerIdentityResponse?.GetCallerIdentityResult ?? {};
  const { Code: code, Message: message } = answer.Error ?? {};
  const plain = body.replace(/\s+/g, " ").trim().slice(0, 300);
  return { account, arn, said: code === undefined ? plain : `${code}: ${message ?? ""}` };
}
