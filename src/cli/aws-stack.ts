import type { AwsIdentity } from "../aws/identity.js";
import { CliError, ExitCode } from "./errors.js";
import { type StackContext, writtenSettings } from "./stack.js";

/** Whether a stack is on AWS, by its settings as they are written. */
export async function isOnAws(stack: StackContext): Promise<boolean> {
  return !stack.local && (await writtenSettings(stack))["dukaan:provider"] === "aws";
}

/**
 * For commands that ask Hetzner's API, or that take for granted how Hetzner filters.
 * @param command as people type it, e.g. "rebuild"
 * @param instead what to do on AWS, as sentences
 * @throws CliError (refused) for a stack on AWS
 */
export async function refuseOnAws(stack: StackContext, command: string, instead: string): Promise<void> {
  if (!(await isOnAws(stack))) return;
  throw new CliError(
    `\`${command}\` is built for Hetzner's cloud, and stack "${stack.name}" is on AWS; nothing was changed`,
    `${instead} What there is on AWS: docs/aws.md.`,
    ExitCode.refused,
  );
}

/**
 * Who the caller is to AWS; asked before anything is made.
 * @throws CliError (precondition) without credentials that AWS takes
 */
export async function requireAwsAccess(region: string): Promise<AwsIdentity> {
  const { callerIdentity } = await import("../aws/identity.js");
  const { AwsError } = await import("../aws/error.js");
  try {
    return await callerIdentity(region);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    throw new CliError(error.message, `${error.remedy} Nothing was changed.`, ExitCode.precondition, {
      cause: error,
    });
  }
}

/**
 * The same for a stack by its settings as they are written, before a command that changes it does anything.
 * @throws CliError (precondition) for a stack on AWS without credentials that AWS takes
 */
export async function requireCredentials(stack: StackContext): Promise<void> {
  if (await isOnAws(stack)) await requireAwsAccess(String((await writtenSettings(stack))["dukaan:location"]));
}

/** For whoever is about to bring a stack up on AWS. */
export const neverRunOnAws =
  "ATTENTION: nobody has brought up a stack on the real AWS with this program yet. What has been checked, and how: docs/aws.md";
