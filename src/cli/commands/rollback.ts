import {
  activeOf,
  activeOn,
  describeReturn,
  judgeReturn,
  type MachineReturn,
  recordedBy,
  releasesBut,
  type Returned,
} from "../going-back.js";
import { keptBundles, requireKept } from "../bundles.js";
import { CliError, ExitCode } from "../errors.js";
import { query, readOutputs, runOperation, withoutPolicies } from "../pulumi.js";
import { exportState, type StateResource } from "../recovery/state.js";
import { openSession, type Session } from "../session.js";
import { type ShopOutputs, smokeTest } from "../shop.js";
import { runSteps } from "../steps.js";
import { stopwatch } from "../stopwatch.js";
import { askMachine, lostSoon, machinesRunning, runOnMachine, sshAccess, type SshAccess } from "./ssh.js";

interface RollbackOptions {
  stack: string;
  local?: boolean;
  json?: boolean;
}

interface Progress {
  session?: Session;
  shop?: ShopOutputs;
  access?: SshAccess;
  /** Which machines went back, and to what. */
  back?: Returned;
}

/**
 * Goes back to the last good release. First the machines switch, each with what it has, so that buyers are served whatever
 * else is broken; then it is recorded: the stack's settings hold the app at that bundle until `up --release latest`. A
 * machine that does not answer keeps no other from going back; it is named, and the exit code is 1. A group of machines that
 * nobody configures goes back with the record, by new ones.
 */
export async function rollback(options: RollbackOptions): Promise<void> {
  const elapsed = stopwatch();
  let switchedAfter = 0;
  const progress = await runSteps<Progress>({}, [
    {
      title: "Stack",
      run: async (context) => {
        context.session = await openSession(options);
        const outputs = await readOutputs(context.session.pulumi, { secrets: true });
        context.shop = outputs as unknown as ShopOutputs;
        context.access = await sshAccess(context.session, outputs);
      },
    },
    {
      title: "Machines go back",
      run: async (context, _report, retitle) => {
        const { access, shop, session } = context as Required<Progress>;
        // While a group is waited for the stack has told nothing yet of what its machines have.
        const resources = shop.groups ? await resourcesOf(session) : [];
        const releaseOn = (machine: string) => activeOn(machine, resources) ?? shop.release;
        const machines = Object.entries(machinesRunning(access, "api"));
        if (shop.groups) {
          const folder = session.pulumi.env["DUKAAN_BUNDLES"] ?? keptBundles;
          for (const [name, target] of machines)
            await requireEarlier(access, target, releaseOn(name), folder);
        }
        const answers = await Promise.all(
          machines.map(([name, target]) => goBack(access, name, target, releaseOn(name))),
        );
        const outcome = judgeReturn(answers);
        if ("refusal" in outcome) throw new CliError(outcome.refusal, outcome.remedy, ExitCode.failed);
        context.back = outcome;
        switchedAfter = elapsed();
        retitle(`Release ${outcome.served.release} serves${shop.groups ? ` on ${namesIn(access)}` : ""}`);
      },
    },
    {
      title: "Recorded: the stack stays at this release",
      run: async (context, report, retitle) => {
        const { groups } = context.shop!;
        if (groups)
          retitle(`Recorded: the stack stays at this release, and ${groups.join(", ")} goes back to it`);
        // It has gone back already; no rule is to stand in the way of saying so.
        const pulumi = withoutPolicies(context.session!.pulumi);
        const { served, silent } = context.back!;
        const hold = `dukaan:release=${served.bundle}`;
        const targets = recordedBy(await resourcesOf(context.session!), silent);
        const only = targets.flatMap(({ urn }) => ["--target", urn]);
        await runOperation(pulumi, "up", report, ["--config", hold, ...only]).catch((error: unknown) => {
          throw groups ? unfinished(error, namesIn(context.access!), served.release) : error;
        });
        context.shop = (await readOutputs(pulumi, { secrets: false })) as unknown as ShopOutputs;
        // The stack tells what its first machine has, which may be one of those that did not answer.
        const [recorded] = releasesBut(await resourcesOf(context.session!), silent);
        context.shop.release = activeOf(recorded) ?? served.release;
        await smokeTest(context.shop);
      },
    },
  ]);
  const { shop, back, access } = progress as Required<Progress>;
  const seconds = elapsed();
  if (back.silent.length > 0) process.exitCode = ExitCode.failed;
  if (options.json) {
    const left = back.silent;
    const result = { url: shop.url, release: shop.release, switchedAfter, seconds, left };
    process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
    return;
  }
  process.stdout.write(
    `\nRelease ${shop.release} serves ${shop.groups ? `on ${namesIn(access)} ` : ""}since ${switchedAfter.toFixed(1)} s after the start` +
      ` (${seconds.toFixed(1)} s in all${shop.groups ? `; then on ${shop.groups.join(", ")}, too` : ""}).\n` +
      "The stack stays at it; deploy what is built here with ./dukaan up --release latest.\n" +
      describeReturn(back),
  );
}

function namesIn(access: SshAccess): string {
  return Object.keys(machinesRunning(access, "api")).join(", ");
}

async function resourcesOf({ pulumi }: Session): Promise<StateResource[]> {
  return (await exportState(pulumi)).deployment.resources ?? [];
}

/** Another rollback would go back one release further: the machines have gone already. */
function unfinished(error: unknown, machines: string, release: string): unknown {
  if (!(error instanceof CliError)) return error;
  return new CliError(
    error.message,
    `${machines} serves release ${release}, and the others do not yet. Where another run works on the stack, end it (Ctrl-C). Then \`./dukaan up\` brings them there; not another rollback, which would go back further.`,
    error.exitCode,
  );
}

const fallBack = "/usr/local/lib/dukaan/fall-back-release";

/**
 * The machines of a group get the release from a package that is made of its bundle here. Asked before anything goes back:
 * else the servers beside the group would, and the group could not follow.
 * @throws CliError when what a machine would go back to is not here
 */
async function requireEarlier(
  access: SshAccess,
  target: string,
  release: string,
  folder: string,
): Promise<void> {
  const asked = await askMachine(access, target, [fallBack, "earlier", "api", release], lostSoon(access));
  // Otherwise it is silent, has none, or was configured before there was this question: going back will show.
  if (asked.exitCode === 0) await requireKept(asked.stdout.trim(), folder);
}

/** Has a machine go back; `served` is absent when it did not. */
async function goBack(
  access: SshAccess,
  machine: string,
  target: string,
  release: string,
): Promise<MachineReturn> {
  const command = [fallBack, "back", "api", release, "rolled back by hand"];
  // One that is gone, or hangs, is given up before buyers wait for the others' record.
  const { exitCode, stdout, stderr } = await askMachine(access, target, command, lostSoon(access));
  const [current, bundle] = stdout.trim().split("\t");
  return {
    machine,
    answered: exitCode !== 255,
    said: stderr.trim(),
    ...(exitCode === 0 && current && bundle && { served: { release: current, bundle } }),
  };
}

/** Allows what machines have gone back from to be deployed again, and takes the hold off the stack. */
export async function releaseHold(session: Session): Promise<void> {
  await query(session.pulumi, ["config", "rm", "dukaan:release"]);
  const access = await sshAccess(session).catch((error: unknown) => {
    // Nothing is up yet, so nothing has gone back.
    if (error instanceof CliError && error.exitCode === ExitCode.precondition) return undefined;
    throw error;
  });
  if (!access) return;
  for (const target of Object.values(machinesRunning(access, "api")))
    await runOnMachine(access, target, ["rm", "-f", "/opt/dukaan/releases/api/.failed"]);
}
