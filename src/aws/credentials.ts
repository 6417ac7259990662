import { defaultProvider } from "@aws-sdk/credential-provider-node";
import { AwsError } from "./error.js";

/** What signs requests to AWS. */
export interface AwsCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  /** With credentials that last for hours only. */
  sessionToken?: string;
}

/**
 * The caller's credentials, from where AWS's own tools look and in their order: the environment, AWS_PROFILE with SSO and
 * roles, `~/.aws`, the instance that this runs on.
 * @throws AwsError when there are none, or they have run out
 */
export async function awsCredentials(): Promise<AwsCredentials> {
  try {
    // Looked for each time: a person may have logged in again meanwhile.
    const { accessKeyId, secretAccessKey, sessionToken } = await defaultProvider({ ignoreCache: true })();
    return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) };
  } catch (error) {
    const profile = process.env["AWS_PROFILE"];
    throw new AwsError(
      `there are no credentials for AWS${profile ? ` (AWS_PROFILE is ${profile})` : ""}: ${error instanceof Error ? error.message : String(error)}`,
      "Log in (aws sso login, aws login), or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. See docs/aws.md.",
      true,
      { cause: error },
    );
  }
}
