import { existsSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { execa } from "execa";
import { ensureHostPackages } from "../../../local/image/host-packages.js";
import { ensureImage } from "../../../local/image/image.js";
import {
  awsPluginState,
  ensureAwsPlugin,
  ensureImageLibrary,
  ensureNodeRuntime,
  ensurePebble,
  ensureToolchain,
  ensureVersitygw,
} from "../../../toolchain/index.js";
import { withLock } from "../../../toolchain/lock.js";
import { projectRoot } from "../../project.js";
import { CliError, ExitCode } from "../errors.js";
import { interruptible } from "../interrupt.js";
import { stopwatch } from "../stopwatch.js";

/** The projects of vitest.config.ts, fast to slow. */
const projects = ["unit", "property", "toolchain", "app", "aws", "local", "alone", "e2e"] as const;
type Project = (typeof projects)[number];

/** Projects that start database servers as another user or boot machines. */
const needRoot: ReadonlySet<Project> = new Set(["app", "local", "alone", "e2e"]);

/** Projects that run Pulumi. */
const needTools: ReadonlySet<Project> = new Set(["toolchain", "aws", "local", "alone", "e2e"]);

/** Projects that boot machines. */
const needMachines: ReadonlySet<Project> = new Set(["local", "alone", "e2e"]);

/** Debian packages that tests use beside what Dukaan itself installs; `file` tells whether one is there. */
const testPackages = [
  { name: "postgresql-15", file: "/usr/lib/postgresql/15/bin/postgres" },
  { name: "pgbouncer", file: "/usr/sbin/pgbouncer" },
  { name: "chromium", file: "/usr/bin/chromium" },
  { name: "openssh-client", file: "/usr/bin/ssh" },
  { name: "hcloud-cli", file: "/usr/bin/hcloud" },
] as const;

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** The part of Vitest's JSON report that is counted. */
interface VitestReport {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: {
    status: string;
    name: string;
    message?: string;
    assertionResults: { status: string; fullName: string; failureMessages?: string[] | null }[];
  }[];
}

/** What the runners said, with a line for each failure. */
interface Outcome {
  counts: Counts;
  failures: string[];
}

/**
 * Runs types, lint, format and every Vitest project, and prints one line of sums from their own reports. A failure
 * does not stop the rest, so that one run shows all there is to mend. `long`: tests that have a long form take it
 * (DUKAAN_LONG=1); `drills`: drills do (DUKAAN_DRILLS=1).
 * `aws`: the project `aws` alone, and its plugin is built if it is not there; without it the project is left out then.
 */
export async function test(options: {
  only?: string;
  aws?: boolean;
  long?: boolean;
  drills?: boolean;
}): Promise<void> {
  if (options.aws && options.only !== undefined) {
    throw new CliError("--aws and --only are both given", "--aws is the same as --only aws.", ExitCode.usage);
  }
  const chosen = await withoutAwsPlugin(choose(options.aws ? "aws" : options.only), options);
  if (chosen.some((project) => needRoot.has(project)) && process.getuid?.() !== 0) {
    throw new CliError(
      `the test projects ${[...needRoot].join(", ")} start servers and machines, and need root`,
      "Run sudo ./dukaan test, or without root: ./dukaan test --only unit,property,toolchain",
      ExitCode.precondition,
    );
  }
  await prepare(chosen);

  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  const failures: string[] = [];
  const add = ({ counts, failures: more }: Outcome) => {
    failures.push(...more);
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped;
  };
  add(await check("types", "node_modules/typescript/bin/tsc", ["--noEmit"]));
  add(await check("lint", "node_modules/oxlint/bin/oxlint", ["--deny-warnings"]));
  add(await check("format", "node_modules/oxfmt/bin/oxfmt", ["--check"]));
  const interruption = new AbortController();
  const { signal } = interruption;
  const run = () =>
    interruptible(
      () => interruption.abort(),
      async () => {
        for (const project of chosen) if (!signal.aborted) add(await runProject(project, options, signal));
      },
    );
  await (chosen.some((project) => needMachines.has(project)) ? aloneWithMachines(run, signal) : run());
  if (signal.aborted) {
    process.exitCode = ExitCode.interrupted;
    return;
  }

  // Whoever reads only the end of a long log sees what failed.
  if (failures.length > 0) process.stdout.write(`\nFailed:\n${failures.join("\n")}\n`);
  process.stdout.write(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
  if (total.failed > 0 || total.passed === 0) process.exitCode = ExitCode.failed;
}

/** Local clouds of tests have the same names in every run, and some tests compare the whole computer before and after. */
async function aloneWithMachines(run: () => Promise<void>, interrupted: AbortSignal): Promise<void> {
  const runAndRemove = async () => {
    await run();
    if (!interrupted.aborted) return;
    note("interrupted: removing what the tests left running");
    // Vitest's watchdog ends its workers once Vitest is gone, and a worker that still runs keeps its machines.
    await sleep(2000);
    const { default: removeAbandonedLabs } = await import("../../../test/lab-folder.js");
    await removeAbandonedLabs();
  };
  await withLock("/run/dukaan-tests.lock", runAndRemove, () =>
    note("another run of the tests has machines on this computer: waiting until it ends"),
  );
}

function choose(only: string | undefined): Project[] {
  if (only === undefined) return [...projects];
  const names = only.split(",").map((name) => name.trim());
  const unknown = names.filter((name) => !projects.some((project) => project === name));
  if (unknown.length > 0) {
    throw new CliError(
      `--only names ${unknown.join(", ")}`,
      `Choose from ${projects.join(", ")}.`,
      ExitCode.usage,
    );
  }
  return projects.filter((project) => names.includes(project));
}

/** The plugin for AWS costs more than a run of all tests should; who names the project wants it nevertheless. */
async function withoutAwsPlugin(
  chosen: Project[],
  { aws, only }: { aws?: boolean; only?: string },
): Promise<Project[]> {
  if (!chosen.includes("aws")) return chosen;
  const plugin = await awsPluginState();
  if (plugin.there) return chosen;
  const takes = `${plugin.takes}, once`;
  if (aws || only !== undefined) {
    note(`aws: Pulumi's plugin is not there; it is downloaded, or built: usually ${takes}`);
    return chosen;
  }
  note(
    `aws: LEFT OUT, and not counted: Pulumi's plugin for AWS is not there. ./dukaan test --aws has it built (${takes})`,
  );
  return chosen.filter((project) => project !== "aws");
}

/** A tool that only says yes or no counts as one test. */
async function check(title: string, script: string, args: string[]): Promise<Outcome> {
  const elapsed = stopwatch();
  const result = await execa(process.execPath, [join(projectRoot, script), ...args], {
    cwd: projectRoot,
    stdout: "inherit",
    stderr: "inherit",
    reject: false,
  });
  const ok = result.exitCode === 0;
  note(`${title}: ${ok ? "clean" : "FAILED"} (${seconds(elapsed)})`);
  return {
    counts: { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 },
    failures: ok ? [] : [`  ${title}`],
  };
}

async function runProject(
  project: Project,
  { long, drills }: { long?: boolean; drills?: boolean },
  cancelSignal: AbortSignal,
): Promise<Outcome> {
  const elapsed = stopwatch();
  const folder = join(tmpdir(), `dukaan-test-${process.pid}`);
  const file = join(folder, `${project}.json`);
  await mkdir(folder, { recursive: true });
  note(`${project} …`);
  const { exitCode } = await execa(
    process.execPath,
    [
      join(projectRoot, "node_modules/vitest/vitest.mjs"),
      "run",
      `--project=${project}`,
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${file}`,
    ],
    {
      cwd: projectRoot,
      stdin: "ignore",
      stdout: "inherit",
      stderr: "inherit",
      reject: false,
      cancelSignal,
      env: { ...(long && { DUKAAN_LONG: "1" }), ...(drills && { DUKAAN_DRILLS: "1" }) },
    },
  );
  const report = await readFile(file, "utf8").then(
    (text) => JSON.parse(text) as VitestReport,
    () => undefined,
  );
  await rm(folder, { recursive: true, force: true });
  const counts = report === undefined ? { passed: 0, failed: 1, skipped: 0 } : count(report, exitCode === 0);
  note(
    `${project}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped (${seconds(elapsed)})`,
  );
  return { counts, failures: counts.failed > 0 ? describeFailures(project, report) : [] };
}

function describeFailures(project: Project, report: VitestReport | undefined): string[] {
  const lines = (report?.testResults ?? []).flatMap((file) => {
    const title = `  ${project}: ${relative(projectRoot, file.name)}`;
    const tests = file.assertionResults.filter((entry) => entry.status === "failed");
    if (tests.length === 0) return file.status === "failed" ? [`${title}: ${excerpt(file.message)}`] : [];
    return tests.map((entry) => `${title}: ${entry.fullName}\n${excerpt(entry.failureMessages?.[0])}`);
  });
  return lines.length > 0 ? lines : [`  ${project}: an error outside of every test`];
}

/** The first lines of a message, indented. */
function excerpt(message = ""): string {
  const lines = stripVTControlCharacters(message).split("\n").slice(0, 12);
  return lines.map((line) => `      ${line}`).join("\n");
}

/**
 * A file that fails before its first test (an import, a hook) counts as one failure; so does any other unhappy end. An
 * error outside of every test shows in Vitest's exit code alone: its report says success.
 */
function count(report: VitestReport, endedWell: boolean): Counts {
  const brokenFiles = report.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.length === 0,
  ).length;
  const failed = report.numFailedTests + brokenFiles;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && !endedWell ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** Everything that takes minutes on a new machine happens here, where no test's time limit runs. */
async function prepare(chosen: Project[]): Promise<void> {
  if (chosen.some((project) => needRoot.has(project))) await installTestPackages();
  if (chosen.some((project) => needTools.has(project))) {
    const toolchain = await ensureToolchain({ onProgress: note });
    await ensureNodeRuntime({ onProgress: note });
    if (chosen.includes("aws")) {
      await ensureAwsPlugin(toolchain, { onProgress: note });
      await ensureImageLibrary({ onProgress: note });
    }
  }
  if (chosen.some((project) => needMachines.has(project))) {
    await ensureHostPackages(note);
    await ensureImage(note);
    await ensureVersitygw({ onProgress: note });
    await ensurePebble({ onProgress: note });
  }
}

async function installTestPackages(): Promise<void> {
  const missing = testPackages.filter((wanted) => !existsSync(wanted.file)).map((wanted) => wanted.name);
  if (missing.length === 0) return;
  note(`installing Debian packages for the tests: ${missing.join(", ")} (about a minute)`);
  const env = { DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  await execa("apt-get", ["-qq", "update"], { env, stdout: "ignore", stderr: "inherit" });
  const install = ["-qq", "-y", "-o", "DPkg::Lock::Timeout=300", "--no-install-recommends", "install"];
  await execa("apt-get", [...install, ...missing], {
    env,
    stdout: "ignore",
    stderr: "inherit",
  });
}

function note(message: string): void {
  process.stderr.write(`▸ ${message}\n`);
}

function seconds(elapsed: () => number): string {
  return `${elapsed().toFixed(1)} s`;
}
