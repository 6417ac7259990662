import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { projectRoot } from "../../project.js";
import { neverRunOnAws, requireAwsAccess } from "../aws-stack.js";
import { requireBudget } from "../budget.js";
import { CliError, ExitCode } from "../errors.js";
import { goToStage, refuseMidway } from "../evolution.js";
import { keepBundle } from "../bundles.js";
import type { Changes } from "../engine-events.js";
import { cloudAccess } from "../cloud-access.js";
import { requireAccess } from "../hetzner-api.js";
import { interruptible } from "../interrupt.js";
import { ensureStack, readOutputs, runOperation } from "../pulumi.js";
import { type Opened, openedText } from "../opened.js";
import { removeStaleLocks } from "../recovery/lock.js";
import { lookAtWhatIsThere } from "../recovery/look.js";
import { recover } from "../recovery/recover.js";
import { resizeOneByOne } from "../resize.js";
import { groupWarnings } from "../server-groups.js";
import { openSession, type Session } from "../session.js";
import { requireSettings } from "../settings.js";
import { type ShopOutputs, smokeTest } from "../shop.js";
import { openStack } from "../stack.js";
import { runSteps } from "../steps.js";
import { stopwatch } from "../stopwatch.js";
import { backupWarning } from "./backup.js";
import { releaseHold } from "./rollback.js";
import { sshAccess } from "./ssh.js";

interface UpOptions {
  stack: string;
  stage?: string;
  local?: boolean;
  release?: "latest";
  yes?: boolean;
  overBudget?: boolean;
  json?: boolean;
}

interface Progress {
  session?: Session;
  changes?: Changes;
  /** What an interrupted run had left, a line each. */
  mended?: string[];
  shop?: ShopOutputs;
  warnings?: Pick<Opened, "backupWarning" | "groupWarnings">;
}

/** Brings a stack up and proves that its shop answers. Running it again changes nothing. */
export async function up(options: UpOptions): Promise<void> {
  const elapsed = stopwatch();
  await requireConfirmation(options);
  const settings = await requireSettings(await openStack(options.stack, options), options.stage);
  if (!options.overBudget) requireBudget(settings);
  const onAws = settings.provider === "aws";
  if (onAws) process.stderr.write(`${neverRunOnAws}\n`);
  const progress = await runSteps<Progress>({}, [
    {
      title: "Tools and cloud",
      run: async (context, report, retitle) => {
        const aws = onAws ? await requireAwsAccess(settings.location) : undefined;
        if (aws) retitle(`AWS account ${aws.account} in ${settings.location}, as ${aws.arn}`);
        context.session = await openSession({ ...options, startCloud: true }, report);
        const { cloud } = context.session;
        if (cloud) retitle(`Local cloud "${cloud.instance}" at ${cloud.endpoint}`);
      },
    },
    {
      title: `Infrastructure (pulumi up, stack ${options.stack})`,
      run: async (context, report, retitle) => {
        const { pulumi, stack } = context.session!;
        if (await removeStaleLocks(stack)) report("removed the lock of a run that was killed");
        // Before the stack is made, which writes its salt into the settings. A token that is in there needs the stack.
        if (!stack.local && !onAws && process.env["HCLOUD_TOKEN"]) {
          await requireAccess(await cloudAccess(context.session!));
        }
        await ensureStack(pulumi);
        if (options.stage !== undefined) await goToStage(context.session!, options.stage);
        // In the middle of a move its machines are asked, so they have to run.
        context.mended = await recover(context.session!, report);
        await refuseMidway(context.session!, settings.joining);
        await lookAtWhatIsThere(pulumi, report);
        await keepBundle();
        if (options.release === "latest") await releaseHold(context.session!);
        // What a machine went back from by itself is current in the state; only a look at the machine shows it.
        const more = options.release === "latest" ? ["--refresh"] : [];
        const run = (targets: string[]) =>
          stack.local || options.yes ? runOperation(pulumi, "up", report, targets) : ask(pulumi, targets);
        await resizeOneByOne(context.session!, settings, report, run);
        context.changes = await run(more);
        retitle(`Infrastructure: ${describe(context.changes)}`);
      },
    },
    {
      title: "Shop answers",
      run: async (context) => {
        const { pulumi, stack } = context.session!;
        const outputs = await readOutputs(pulumi, { secrets: true });
        context.shop = outputs as unknown as ShopOutputs;
        await smokeTest(context.shop);
        if (context.shop.caCertificate !== undefined) {
          await mkdir(stack.directory, { recursive: true, mode: 0o700 });
          await writeFile(join(stack.directory, "ca.pem"), context.shop.caCertificate);
        }
        context.warnings = {
          backupWarning: await backupWarning(await sshAccess(context.session!, outputs)),
          groupWarnings: await groupWarnings(stack.name, outputs),
        };
      },
    },
  ]);
  const { shop, changes, mended, session, warnings } = progress as Required<Progress>;
  const { url, stage, release, held } = shop;
  const ca = shop.caCertificate === undefined ? undefined : join(session.stack.directory, "ca.pem");
  const seconds = elapsed();
  const opened = { url, stage, release, held, ca, changes, mended, ...warnings, seconds };
  process.stdout.write(options.json ? `${JSON.stringify(opened, undefined, 2)}\n` : openedText(opened));
}

/** A real cloud costs money: somebody must be there to say yes, before anything is written. */
async function requireConfirmation(options: UpOptions): Promise<void> {
  const { local } = await openStack(options.stack, options);
  if (local || options.yes) return;
  if (!process.stdin.isTTY) {
    throw new CliError(
      "this stack is on a real cloud, and nobody is here to confirm its preview",
      "Run it on a terminal, or say --yes.",
      ExitCode.refused,
    );
  }
}

/** Pulumi shows its preview and asks. */
async function ask(pulumi: Session["pulumi"], options: string[]): Promise<Changes> {
  // Pulumi is on the same terminal and hears Ctrl-C itself; we wait for its end.
  const running = () =>
    execa(pulumi.executable, ["up", ...options], {
      cwd: projectRoot,
      env: pulumi.env,
      stdio: "inherit",
      reject: false,
    });
  const result = await interruptible(() => undefined, running);
  if (result.exitCode !== 0) throw new CliError("pulumi up did not finish", "See its messages above.");
  return {};
}

function describe(changes: Changes): string {
  const { same = 0, ...others } = changes;
  const parts = Object.entries(others).map(([kind, count]) => `${count} ${kind}`);
  return parts.length === 0 ? `no changes (${same} resources)` : parts.join(", ");
}
