import { startLocalCloud, type LocalCloud } from "../../local/client.js";
import { ensureNodeRuntime, ensureToolchain } from "../../toolchain/index.js";
import { CliError, ExitCode } from "./errors.js";
import type { Pulumi } from "./pulumi.js";
import { openStack, stackEnvironment, writeLocalConfig, type StackContext } from "./stack.js";

/** What a command needs before it can talk to Pulumi about a stack. */
export interface Session {
  stack: StackContext;
  pulumi: Pulumi;
  /** Only for a stack on the local cloud. */
  cloud?: LocalCloud;
}

/**
 * Makes everything ready that a stack needs: tools, its local cloud, its configuration copy.
 * @param report called with what is going on, for commands that may take long
 */
export async function openSession(
  options: { stack: string; local?: boolean },
  report: (message: string) => void = () => undefined,
): Promise<Session> {
  const stack = await openStack(options.stack, options);
  const tools = await ensureToolchain({ onProgress: report });
  const runtime = await ensureNodeRuntime({ onProgress: report });
  const env: Record<string, string> = {
    ...tools.env,
    ...(await stackEnvironment(stack)),
    DUKAAN_NODE: process.execPath,
    DUKAAN_NODE_RUNTIME: JSON.stringify(runtime),
  };
  const pulumi = { executable: tools.pulumi, env, stack };
  if (!stack.local) {
    requireToken(stack);
    return { stack, pulumi };
  }
  const cloud = await startLocalCloud({ instance: stack.instance, onProgress: report });
  await writeLocalConfig(stack, cloud.endpoint);
  env["HCLOUD_TOKEN"] = cloud.token;
  env["HCLOUD_ENDPOINT"] = cloud.endpoint;
  return { stack, pulumi, cloud };
}

function requireToken(stack: StackContext): void {
  const token = process.env["HCLOUD_TOKEN"];
  if (token !== undefined && token.length !== 64) {
    throw new CliError(
      `HCLOUD_TOKEN has ${token.length} characters; a token of Hetzner Cloud has 64`,
      `Make one in the Hetzner console (Security → API tokens), or unset HCLOUD_TOKEN to use hcloud:token of Pulumi.${stack.name}.yaml.`,
      ExitCode.usage,
    );
  }
}
