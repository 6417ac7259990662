import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { descriptions, type Loss, losses, parseLosses } from "../../drill/losses.js";
import { type DrillReport, reportData, reportHtml, summary } from "../../drill/report.js";
import { brokenFor, loseAppServer, type Stage } from "../app-loss.js";
import { refuseOnAws } from "../aws-stack.js";
import { BalancerWatch } from "../balancer-watch.js";
import { serverOf } from "../cloud-access.js";
import { DrilledServer } from "../drilled-server.js";
import { CliError, ExitCode } from "../errors.js";
import { interruptible } from "../interrupt.js";
import { readOutputs } from "../pulumi.js";
import { openSession, type Session } from "../session.js";
import type { ShopOutputs } from "../shop.js";
import { openStack, type StackContext } from "../stack.js";
import { runSteps } from "../steps.js";
import { askDatabase } from "../shop-database.js";
import { keepConnections, machinesRunning, type SshAccess, sshAccess } from "./ssh.js";

interface DrillOptions {
  stack: string;
  local?: boolean;
  only?: string;
  machine?: string;
  rate: string;
  seconds: string;
  report?: string;
  yes?: string;
  json?: boolean;
}

interface Asked {
  chosen: readonly Loss[];
  rate: number;
  seconds: number;
}

/**
 * Loses an app server of a stack that is used, in every way that is asked for, and brings it back each time. Exit code 0:
 * all goals were met; 1: one was not, or the drill could not be ended.
 */
export async function drillAppLoss(options: DrillOptions): Promise<void> {
  const asked: Asked = {
    chosen: chosenLosses(options.only),
    rate: numberIn("--rate", options.rate, 1, 2000),
    seconds: numberIn("--seconds", options.seconds, 1, 300),
  };
  const stack = await openStack(options.stack, options);
  await refuseOnAws(stack, "drill", "Run it on a stack like it on the local cloud.");
  requireConsent(stack, asked, options);
  const startedAt = new Date();
  const folder = join(
    stack.directory,
    "drills",
    `app-loss-${startedAt.toISOString().replaceAll(/[:.]/g, "-")}`,
  );
  const report: DrillReport = {
    drill: "app-loss",
    stack: stack.name,
    url: "",
    rate: asked.rate,
    startedAt: startedAt.toISOString(),
    goalsMet: false,
    losses: [],
  };
  const abort = new AbortController();
  const opened: { stage?: Stage; close?: () => Promise<void> } = {};
  let failure: unknown;
  try {
    await interruptible(
      (times) => onInterrupt(times, abort, opened.stage),
      async () =>
        runSteps(opened, [
          {
            title: "Stack and balancers",
            run: async (context, say) => {
              await mkdir(folder, { recursive: true, mode: 0o700 });
              Object.assign(context, await openStage(options, asked, folder, abort.signal, say));
            },
          },
          ...asked.chosen.map((loss) => ({
            title: `${loss}: ${descriptions[loss]}`,
            run: async (
              { stage }: typeof opened,
              say: (message: string) => void,
              retitle: (title: string) => void,
            ) => {
              const lost = await loseAppServer(loss, stage!, say);
              report.losses.push(lost);
              const { outMs, failed, firstSecond } = lost.result;
              const out = outMs === undefined ? "stayed in rotation" : `out after ${outMs} ms`;
              retitle(`${loss}: ${out}, ${failed} requests failed (${firstSecond} in the first second)`);
            },
          })),
        ]),
    );
  } catch (error) {
    failure = error;
  } finally {
    report.url = opened.stage?.shop.url ?? "";
    await opened.close?.();
  }
  if (report.losses.length === 0) throw asInterruption(failure, abort, opened.stage);
  if (failure !== undefined)
    report.interrupted = abort.signal.aborted ? "interrupted" : (failure as Error).message;
  report.goalsMet = failure === undefined && report.losses.every(({ result }) => result.missed.length === 0);
  const files = await writeReport(report, options.report ?? join(folder, "report.html"));
  process.stdout.write(
    options.json
      ? `${JSON.stringify(reportData(report), undefined, 2)}\n`
      : `\n${summary(report)}\n\n${files}\n`,
  );
  if (failure !== undefined) throw asInterruption(failure, abort, opened.stage);
  if (!report.goalsMet) process.exitCode = ExitCode.failed;
}

/** @throws CliError (usage) */
function chosenLosses(only: string | undefined): readonly Loss[] {
  if (only === undefined) return losses;
  try {
    return parseLosses(only);
  } catch (error) {
    throw new CliError(
      `--only names ${(error as Error).message}`,
      `Choose from ${losses.join(", ")}.`,
      ExitCode.usage,
      { cause: error },
    );
  }
}

/** @throws CliError (usage) */
function numberIn(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= least && value <= most) return value;
  throw new CliError(`${option} is "${text}"`, `Give a number from ${least} to ${most}.`, ExitCode.usage);
}

function requireConsent(stack: StackContext, { rate, chosen }: Asked, { yes }: DrillOptions): void {
  if (stack.local || yes === stack.name) return;
  throw new CliError(
    `this stack is on a real cloud: the drill sends ${rate} visitors a second, places orders in the stores of ./dukaan seed, and breaks one of its app servers (${chosen.join(", ")})`,
    `If that is what you want: ./dukaan drill app-loss --stack ${stack.name} --yes ${stack.name}`,
    ExitCode.refused,
  );
}

async function openStage(
  options: DrillOptions,
  { rate, seconds }: Asked,
  folder: string,
  signal: AbortSignal,
  say: (message: string) => void,
): Promise<{ stage: Stage; close: () => Promise<void> }> {
  const session = await openSession(options, say);
  const outputs = await readOutputs(session.pulumi, { secrets: true });
  const access = await keepConnections(await sshAccess(session, outputs));
  let watch: BalancerWatch | undefined;
  let server: DrilledServer | undefined;
  const close = async () => {
    watch?.close();
    await server?.cleanUp();
    await access.close();
  };
  try {
    const name = chooseServer(access, options.machine);
    server = await drilledServer(session, access, outputs, name);
    watch = await BalancerWatch.open(access);
    const stage: Stage = {
      shop: outputs as unknown as ShopOutputs,
      access,
      ask: async (sql) => askDatabase(access, sql),
      watch,
      name,
      server,
      rate,
      seconds,
      folder,
      signal,
    };
    return { stage, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The last one, unless another is named. @throws CliError when nothing would be left */
function chooseServer(access: SshAccess, wanted: string | undefined): string {
  const servers = Object.keys(machinesRunning(access, "api"));
  if (servers.length < 2) {
    throw new CliError(
      "the stack has one app server: without it the shop is closed",
      "This drill is for stage fleet: ./dukaan evolve fleet, with dukaan:appServers of 2 or more.",
      ExitCode.precondition,
    );
  }
  const name = wanted ?? servers.at(-1)!;
  if (servers.includes(name)) return name;
  throw new CliError(
    `--machine is "${name}", which is no app server`,
    `Name one of: ${servers.join(", ")}.`,
    ExitCode.usage,
  );
}

async function drilledServer(
  session: Session,
  access: SshAccess,
  outputs: Record<string, unknown>,
  name: string,
): Promise<DrilledServer> {
  const { access: cloud, server, hostname } = await serverOf(session, name);
  const address = (outputs["addresses"] as Record<string, { private: string }>)[name]?.private;
  if (!server || address === undefined) {
    throw new CliError(
      `the cloud has no server ${hostname}`,
      "Run ./dukaan up, which mends it.",
      ExitCode.precondition,
    );
  }
  return new DrilledServer(access, {
    target: access.targets[name]!,
    cloud,
    server,
    privateAddress: address,
  });
}

function onInterrupt(times: number, abort: AbortController, stage: Stage | undefined): void {
  if (times === 1) {
    abort.abort();
    const back = stage?.server.broken === undefined ? "" : `, and bringing ${stage.name} back`;
    process.stderr.write(`\nending the drill${back} (again: at once)\n`);
    return;
  }
  process.stderr.write(`\n${leftBroken(stage) ?? "nothing is broken"}\n`);
  process.exit(ExitCode.interrupted);
}

/** What a person has to know of a server that is still broken. */
function leftBroken(stage: Stage | undefined): string | undefined {
  const broken = stage?.server.broken;
  if (broken === undefined) return undefined;
  return broken === "killed"
    ? `${stage!.name} may be off: ./dukaan up switches it on again`
    : `${stage!.name} mends itself within ${brokenFor(stage!.seconds)} s`;
}

/** A drill that was ended on purpose says so and nothing else. */
function asInterruption(failure: unknown, { signal }: AbortController, stage: Stage | undefined): unknown {
  const left = leftBroken(stage);
  if (!signal.aborted && left === undefined) return failure;
  const message = signal.aborted ? "interrupted" : (failure as Error).message;
  const exitCode = signal.aborted ? ExitCode.interrupted : ExitCode.failed;
  return new CliError(message, left ?? "What was broken is made good again.", exitCode, { cause: failure });
}

/** @param html where the page goes; the data go beside it. @returns what a person is told */
async function writeReport(report: DrillReport, html: string): Promise<string> {
  const json = `${html.replace(/\.(html?|json)$/, "")}.json`;
  const page = html.endsWith(".json") ? html.replace(/\.json$/, ".html") : html;
  await mkdir(dirname(page), { recursive: true });
  await writeFile(page, reportHtml(report));
  await writeFile(json, `${JSON.stringify(reportData(report), undefined, 2)}\n`);
  return `Report: ${page}, ${json}`;
}
