import { changeToken, type Guarded, guarded } from "../../topology/guard.js";
import { topologyOf } from "../../../stacks/index.js";
import { refuseOnAws } from "../aws-stack.js";
import { CliError, ExitCode } from "../errors.js";
import { unprotect } from "../protection.js";
import { readOutputs, runOperation } from "../pulumi.js";
import { removeStaleLocks } from "../recovery/lock.js";
import { recover } from "../recovery/recover.js";
import { joinRotation, leaveRotation } from "../rotation.js";
import { exportState, type StateResource } from "../recovery/state.js";
import { openSession, type Session } from "../session.js";
import { requireSettings } from "../settings.js";
import { type ShopOutputs, smokeTest } from "../shop.js";
import { openStack, type StackContext } from "../stack.js";
import { runSteps } from "../steps.js";
import { stopwatch } from "../stopwatch.js";
import { askMachine, sshAccess } from "./ssh.js";

interface RebuildOptions {
  stack: string;
  local?: boolean;
  yes?: boolean;
  destroyData?: string;
  json?: boolean;
}

const serverType = "hcloud:index/server:Server";

/**
 * Deletes a server with its disk and makes it anew, with the same name, addresses and keys, by the stack's settings of
 * now: the way to another image or a smaller disk. Refused unless its caller says that the data may go.
 */
export async function rebuild(machine: string, options: RebuildOptions): Promise<void> {
  const elapsed = stopwatch();
  const stack = await openStack(options.stack, options);
  await refuseOnAws(
    stack,
    "rebuild",
    "Pulumi can replace an instance (pulumi state unprotect URN, then pulumi up --replace URN): its disk is lost then, and with it the database where there is one on it. Make a backup first.",
  );
  requireConsent(stack, machine, options);
  const settings = await requireSettings(stack);
  const moving = settings.joining ?? settings.leaving;
  if (moving !== undefined) {
    throw new CliError(
      "the database is on its way to another machine, and what each of them knows of that would be lost",
      `Finish the move first, or undo it: ./dukaan evolve ${settings.joining ?? settings.stage} --help`,
      ExitCode.refused,
    );
  }
  const progress: { session?: Session } = {};
  await runSteps(progress, [
    {
      title: `Rebuild ${machine}`,
      run: async (context, report) => {
        context.session = await openSession(options, report);
        const { pulumi } = context.session;
        if (await removeStaleLocks(stack)) report("removed the lock of a run that was killed");
        await recover(context.session, report);
        const resources = (await exportState(pulumi)).deployment.resources ?? [];
        const urn = serverUrn(resources, machine);
        const token = await tokenFor(machine, stack, resources);
        if (settings.databaseVolume !== undefined) await turnDatabase("stop", context.session, machine);
        // A machine is rebuilt because something is wrong with it: that it cannot leave is no reason to keep it.
        await leaveRotation(context.session, machine, report).catch((error: unknown) =>
          report((error as Error).message),
        );
        await unprotect(context.session, (resource) => resource.urn === urn);
        try {
          await runOperation(pulumi, "up", report, [
            "--replace",
            urn,
            ...(token === "" ? [] : ["--config", `dukaan:changeToken=${token}`]),
          ]);
        } catch (error) {
          // Refused before anything was done to the server, its database goes on.
          if (settings.databaseVolume !== undefined) await turnDatabase("start", context.session, machine);
          await joinRotation(context.session, machine);
          throw error;
        }
      },
    },
    {
      title: "Shop answers",
      run: async ({ session }) =>
        smokeTest((await readOutputs(session!.pulumi, { secrets: false })) as unknown as ShopOutputs),
    },
  ]);
  const seconds = elapsed();
  if (options.json) process.stdout.write(`${JSON.stringify({ machine, rebuilt: true, seconds })}\n`);
}

/** The volume is cut off from a running server otherwise, which costs a recovery. A server that is lost does not answer. */
async function turnDatabase(to: "stop" | "start", session: Session, machine: string): Promise<void> {
  const access = await sshAccess(session);
  const target = access.targets[machine];
  if (target === undefined || !access.services["postgresql"]?.includes(machine)) return;
  await askMachine(
    access,
    target,
    ["systemctl", to, "postgresql@15-main.service"],
    ["-o", "ConnectTimeout=5"],
  );
}

function requireConsent(stack: StackContext, machine: string, { yes, destroyData }: RebuildOptions): void {
  if (stack.local ? yes : destroyData === machine) return;
  throw new CliError(
    `\`rebuild\` deletes the server ${machine} with its disk: what is only there, at stage droplet the whole database, is lost`,
    stack.local
      ? `If that is what you want: ./dukaan rebuild ${machine} --stack ${stack.name} --yes`
      : `Make a backup first (./dukaan backup); it comes back with ./dukaan restore --latest afterwards. If that is what you want: ./dukaan rebuild ${machine} --stack ${stack.name} --destroy-data ${machine}`,
    ExitCode.refused,
  );
}

function serverUrn(resources: readonly StateResource[], machine: string): string {
  const servers = resources.filter(({ type }) => type === serverType);
  const found = servers.find(({ urn }) => urn.endsWith(`::${machine}`));
  if (found) return found.urn;
  const names = servers.map(({ urn }) => urn.split("::").at(-1));
  throw new CliError(
    `the stack has no machine "${machine}"`,
    names.length === 0 ? "Run ./dukaan up first." : `Name one of: ${names.join(", ")}.`,
    ExitCode.usage,
  );
}

/** Allows what making this machine anew can bring about, and nothing else: the guard refuses the rest as ever. */
async function tokenFor(
  machine: string,
  stack: StackContext,
  resources: readonly StateResource[],
): Promise<string> {
  const old = resources.find(({ type }) => type === "dukaan:index:Stage")?.inputs as unknown as
    | Guarded
    | undefined;
  if (!old) return "";
  const settings = await requireSettings(stack);
  const token = changeToken(old, guarded(settings, topologyOf(settings)));
  const allowed = token
    .split(",")
    // The volume is made with the machine, or stays.
    .every((part) =>
      ["image:", `disk/${machine}:`, `volume/${machine}:0>`].some((one) => part.startsWith(one)),
    );
  return allowed ? token : "";
}
