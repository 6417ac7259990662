import { execa } from "execa";
import { CliError, ExitCode } from "../errors.js";
import { query, readOutputs, runOperation } from "../pulumi.js";
import { openSession, type Session } from "../session.js";
import { type ShopOutputs, smokeTest } from "../shop.js";
import { runSteps } from "../steps.js";
import { machinesRunning, runOnMachine, sshAccess, type SshAccess } from "./ssh.js";

interface RollbackOptions {
  stack: string;
  local?: boolean;
  json?: boolean;
}

interface Progress {
  session?: Session;
  shop?: ShopOutputs;
  access?: SshAccess;
  /** What serves on every machine after the switch. */
  back?: Served;
}

interface Served {
  release: string;
  /** Digest of its bundle. */
  bundle: string;
}

/**
 * Goes back to the last good release. First the machines switch, with what they have, so that buyers are served whatever
 * else is broken; then it is recorded: the stack's settings hold the app at that bundle until `up --release latest`.
 */
export async function rollback(options: RollbackOptions): Promise<void> {
  const started = Date.now();
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
        const { access, shop } = context as Required<Progress>;
        const served = await Promise.all(
          Object.entries(machinesRunning(access, "api")).map(([name, target]) =>
            goBack(access, name, target, shop.release),
          ),
        );
        const [first] = served;
        if (!first || served.some(({ bundle }) => bundle !== first.bundle))
          throw new CliError(
            `the machines do not agree on a release: ${served.map(({ release }) => release).join(", ")}`,
            "Run it again, or deploy a release with ./dukaan up --release latest.",
          );
        context.back = first;
        switchedAfter = (Date.now() - started) / 1000;
        retitle(`Release ${first.release} serves`);
      },
    },
    {
      title: "Recorded: the stack stays at this release",
      run: async (context, report) => {
        const { pulumi } = context.session!;
        const hold = `dukaan:release=${context.back!.bundle}`;
        const target = "**dukaan:index:Release::**";
        await runOperation(pulumi, "up", report, ["--config", hold, "--target", target]);
        context.shop = (await readOutputs(pulumi, { secrets: false })) as unknown as ShopOutputs;
        await smokeTest(context.shop);
      },
    },
  ]);
  const { shop } = progress as Required<Progress>;
  const seconds = (Date.now() - started) / 1000;
  if (options.json) {
    const result = { url: shop.url, release: shop.release, switchedAfter, seconds };
    process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
    return;
  }
  process.stdout.write(
    `\nRelease ${shop.release} serves since ${switchedAfter.toFixed(1)} s after the start (${seconds.toFixed(1)} s in all).\n` +
      "The stack stays at it; deploy what is built here with ./dukaan up --release latest.\n",
  );
}

/** @throws CliError when the machine has no earlier release that gets ready; the one that serves goes on then */
async function goBack(access: SshAccess, name: string, target: string, release: string): Promise<Served> {
  const command = `/usr/local/lib/dukaan/fall-back-release back api ${release} 'rolled back by hand'`;
  const result = await execa("ssh", [...access.options, target, command], { reject: false, stdin: "ignore" });
  const [current, bundle] = result.stdout.trim().split("\t");
  if (result.exitCode !== 0 || !current || !bundle) {
    throw new CliError(
      `${name} did not go back; it serves what it served before:\n  ${result.stderr.trim().replaceAll("\n", "\n  ")}`,
      "Correct the app and run ./dukaan up.",
      ExitCode.failed,
    );
  }
  return { release: current, bundle };
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
