import { join } from "node:path";
import { localCloudStatus, startLocalCloud, type LocalCloud } from "../../local/client.js";
import {
  ensureAwsPlugin,
  ensureImageLibrary,
  ensureNodeRuntime,
  ensureToolchain,
} from "../../toolchain/index.js";
import { overBudgetVariable } from "../budget-variable.js";
import { projectRoot } from "../project.js";
import { isOnAws } from "./aws-stack.js";
import { keptBundles } from "./bundles.js";
import { CliError, ExitCode } from "./errors.js";
import { policyPackVariable, type Pulumi } from "./pulumi.js";
import { openStack, stackEnvironment, type StackContext, writeLocalConfig } from "./stack.js";

/** What a command needs before it can talk to Pulumi about a stack. */
export interface Session {
  stack: StackContext;
  pulumi: Pulumi;
  /** Only for a stack on the local cloud. */
  cloud?: LocalCloud;
}

/**
 * Makes everything ready that a stack needs: tools, its local cloud, its configuration copy.
 * @param options.startCloud start the stack's local cloud when it does not run, instead of failing
 * @param report called with what is going on, for commands that may take long
 */
export async function openSession(
  options: { stack: string; local?: boolean; startCloud?: boolean },
  report: (message: string) => void = () => undefined,
): Promise<Session> {
  const stack = await openStack(options.stack, options);
  // First: it ends at once where root is missing, before anything is downloaded or built.
  const cloud = stack.local ? await openCloud(stack, options.startCloud ?? false, report) : undefined;
  const onAws = await isOnAws(stack);
  if (!stack.local && !onAws) requireToken(stack);
  const tools = await ensureToolchain({ onProgress: report });
  if (onAws) await ensureAwsPlugin(tools, { onProgress: report });
  const runtime = await ensureNodeRuntime({ onProgress: report });
  const modules = await ensureImageLibrary({ onProgress: report });
  const env: Record<string, string> = {
    ...tools.env,
    ...(await stackEnvironment(stack)),
    DUKAAN_NODE: process.execPath,
    DUKAAN_NODE_RUNTIME: JSON.stringify(runtime),
    DUKAAN_NATIVE_MODULES: JSON.stringify(modules),
    DUKAAN_BUNDLES: keptBundles,
    // `up` has asked by itself, before anything is made; the other commands make nothing that was not there.
    [overBudgetVariable]: "yes",
  };
  const pulumi = { executable: tools.pulumi, env, stack };
  if (!cloud) {
    // Where mistakes cost something. On the local cloud the same stages are held against the rules by tests.
    env[policyPackVariable] = `"${join(projectRoot, "policy").replaceAll('"', '""')}"`;
    return { stack, pulumi };
  }
  // The caller's, meant for real stacks, would win over the file of the stack's own.
  Reflect.deleteProperty(process.env, "PULUMI_CONFIG_PASSPHRASE");
  await writeLocalConfig(stack, cloud.endpoint, cloud.objectStorage);
  env["HCLOUD_TOKEN"] = cloud.token;
  env["HCLOUD_ENDPOINT"] = cloud.endpoint;
  env["DUKAAN_FAILOVER_TOKEN"] = cloud.token;
  env["DUKAAN_BACKUP_ACCESS_KEY"] = cloud.objectStorage.accessKey;
  env["DUKAAN_BACKUP_SECRET_KEY"] = cloud.objectStorage.secretKey;
  env["DUKAAN_IMAGES_ACCESS_KEY"] = cloud.objectStorage.images.accessKey;
  env["DUKAAN_IMAGES_SECRET_KEY"] = cloud.objectStorage.images.secretKey;
  return { stack, pulumi, cloud };
}

/** Only commands that are there to start things start it; the others would find an empty cloud and change the computer. */
async function openCloud(
  stack: StackContext,
  start: boolean,
  report: (message: string) => void,
): Promise<LocalCloud> {
  if (!start && !(await localCloudStatus(stack.instance)).running) {
    throw new CliError(
      `the local cloud "${stack.instance}" of stack "${stack.name}" does not run`,
      `Start it with its stack: ./dukaan up --stack ${stack.name}${stack.name === "lab" ? "" : " --local"}`,
      ExitCode.precondition,
    );
  }
  return startLocalCloud({ instance: stack.instance, onProgress: report });
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
