import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { findLocalCloud, localCloudStatus, stopLocalCloud } from "../../../local/client.js";
import { requireCredentials } from "../aws-stack.js";
import { CliError, ExitCode } from "../errors.js";
import { listLabelled } from "../hetzner-api.js";
import { letGo, requireHeldBySettings } from "../let-go.js";
import { unprotect } from "../protection.js";
import { runOperation } from "../pulumi.js";
import { removeStaleLocks } from "../recovery/lock.js";
import { recover } from "../recovery/recover.js";
import { openSession } from "../session.js";
import { openStack, type StackContext } from "../stack.js";
import { runSteps } from "../steps.js";

interface DownOptions {
  stack: string;
  local?: boolean;
  destroyData?: string;
  json?: boolean;
}

/**
 * Destroys a stack. A local one goes with its cloud and its state: there is nothing to keep. A real one is refused
 * unless its name is given again.
 */
export async function down(options: DownOptions): Promise<void> {
  const stack = await openStack(options.stack, options);
  if (!stack.local && options.destroyData !== stack.name) {
    throw new CliError(
      `stack "${stack.name}" is on a real cloud: \`down\` would delete its servers and their data for good`,
      `If that is what you want, make a backup and say so: ./dukaan down --stack ${stack.name} --destroy-data ${stack.name}`,
      ExitCode.refused,
    );
  }
  if (!stack.local) {
    await runSteps({}, [
      {
        title: `Destroy ${stack.name}`,
        run: async (_, report) => {
          await requireCredentials(stack);
          const session = await openSession(options, report);
          await recover(session, report);
          await requireHeldBySettings(session);
          // Its name was given again.
          await unprotect(session, () => true);
          await letGo(session, report);
          await runOperation(session.pulumi, "destroy", report);
        },
      },
    ]);
    if (options.json) process.stdout.write(`${JSON.stringify({ stack: stack.name, down: true })}\n`);
    return;
  }
  const status = await localCloudStatus(stack.instance);
  await runSteps({}, [
    {
      title: `Destroy ${stack.name}`,
      run: async (_, report, retitle) => {
        // Without its cloud a local stack has nothing left to destroy.
        const state = join(stack.directory, "backend", ".pulumi", "stacks", "dukaan", `${stack.name}.json`);
        if (!status.running || !existsSync(state)) {
          retitle(`Destroy ${stack.name}: nothing is up`);
          return;
        }
        const { pulumi } = await openSession(options, report);
        if (await removeStaleLocks(stack)) report("removed the lock of a run that was killed");
        await runOperation(pulumi, "destroy", report);
      },
    },
    {
      title: `Local cloud "${stack.instance}"`,
      run: async (_, report) => {
        await requireOwnCloud(stack);
        await stopLocalCloud(stack.instance, { onProgress: report });
        await rm(stack.directory, { recursive: true, force: true });
      },
    },
  ]);
  if (options.json) process.stdout.write(`${JSON.stringify({ stack: stack.name, down: true })}\n`);
}

/** With DUKAAN_INSTANCE, several stacks may be on one cloud: it stays for as long as another one has servers there. */
async function requireOwnCloud(stack: StackContext): Promise<void> {
  const cloud = await findLocalCloud(stack.instance);
  if (!cloud) return;
  const others = await listLabelled(cloud, "servers", `dukaan-stack,dukaan-stack!=${stack.name}`);
  if (others.length === 0) return;
  throw new CliError(
    `stack "${stack.name}" is down, but its local cloud "${stack.instance}" stays: another stack has servers there: ${others.map(({ name }) => name).join(", ")}`,
    `Take that stack down too; or remove the cloud with all that is on it: ./dukaan local down --instance ${stack.instance}`,
    ExitCode.refused,
  );
}
