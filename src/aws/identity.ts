import { AwsError } from "./error.js";
import { endpointOf, sendSigned } from "./request.js";

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
  const endpoint = endpointOf("STS", `https://sts.${region}.amazonaws.com`);
  const request = {
    service: "sts",
    region,
    method: "GET" as const,
    url: new URL("/?Action=GetCallerIdentity&Version=2011-06-15", endpoint).href,
    headers: { accept: "application/json" },
  };
  const { status, body } = await sendSigned(request, AbortSignal.timeout(patienceMilliseconds)).catch(
    (error: Error) => {
      if (error instanceof AwsError) throw error;
      throw new AwsError(
        `AWS does not answer at ${endpoint}: ${error.message || error.name}`,
        "Check this computer's network (behind a proxy with an own authority: AWS_CA_BUNDLE), and that dukaan:location is right.",
        false,
        { cause: error },
      );
    },
  );
  const { account, arn, said } = read(body);
  if (status === 200 && account !== undefined && arn !== undefined) return { account, arn };
  throw new AwsError(
    `AWS does not take these credentials: HTTP ${status}, ${said}`,
    "Log in again (aws sso login), or correct AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Is this computer's clock right? A region that is not enabled in the account refuses them, too.",
    true,
  );
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
