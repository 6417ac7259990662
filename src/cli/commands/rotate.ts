import { existsSync } from "node:fs";
import { copyFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { requireCredentials } from "../aws-stack.js";
import { bundleOf, findDeployedBundle } from "../bundles.js";
import { CliError, ExitCode } from "../errors.js";
import { activeOn } from "../going-back.js";
import { planRotation, type Rotation } from "../logins.js";
import { query, readOutputs, runOperation } from "../pulumi.js";
import { removeStaleLocks } from "../recovery/lock.js";
import { recover } from "../recovery/recover.js";
import { exportState, type StateResource } from "../recovery/state.js";
import { openSession, type Session } from "../session.js";
import { requireSettings } from "../settings.js";
import { type ShopOutputs, smokeTest } from "../shop.js";
import { openStack } from "../stack.js";
import { runSteps, type Step } from "../steps.js";
import { stopwatch } from "../stopwatch.js";
import { machinesRunning, sshAccess } from "./ssh.js";

interface RotateOptions {
  stack: string;
  local?: boolean;
  json?: boolean;
}

interface Progress {
  session?: Session;
  resources?: StateResource[];
  shop?: ShopOutputs;
  rotation?: Rotation;
}

const credentials = ["database-password", "session-secret", "deploy-key"] as const;
type Credential = (typeof credentials)[number];

/**
 * Changes a credential of a live stack. The app gets the new one with a release of the bundle that serves, the old one is
 * retired when nothing uses it any more. A run that was cut off is finished by the next one.
 */
export async function rotate(credential: string, options: RotateOptions): Promise<void> {
  const known = credentials.find((name) => name === credential);
  if (!known) {
    throw new CliError(
      `there is no credential "${credential}" to rotate`,
      `Name one of: ${credentials.join(", ")}. How all others are changed: docs/runbooks/secrets.md`,
      ExitCode.usage,
    );
  }
  const elapsed = stopwatch();
  await requireSettings(await openStack(options.stack, options));
  const progress = await runSteps<Progress>({}, [open(options), ...steps[known]]);
  const { url, release } = progress.shop!;
  const seconds = elapsed();
  if (options.json) {
    const result = { credential, user: progress.rotation?.user, url, release, seconds };
    process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
    return;
  }
  process.stdout.write(
    `\nThe ${credential} is a new one, and the old one works no more (${seconds.toFixed(1)} s).\n`,
  );
}

const open = (options: RotateOptions): Step<Progress> => ({
  title: "Stack",
  run: async (context, report) => {
    await requireCredentials(await openStack(options.stack, options));
    const session = await openSession(options, report);
    if (await removeStaleLocks(session.stack)) report("removed the lock of a run that was killed");
    await recover(session, report);
    const { deployment } = await exportState(session.pulumi);
    context.resources = deployment.resources ?? [];
    session.pulumi.env["DUKAAN_API_BUNDLE"] = await findDeployedBundle(bundleOf(context.resources));
    context.session = session;
  },
});

const endStandby: Step<Progress> = {
  title: "The instance with the old one has ended",
  run: async ({ session }) => {
    const access = await sshAccess(session!);
    const { deployment } = await exportState(session!.pulumi);
    for (const [name, target] of Object.entries(machinesRunning(access, "api"))) {
      const release = activeOn(name, deployment.resources ?? []) ?? "";
      const command = `/usr/local/lib/dukaan/fall-back-release settle api ${release} && readlink /opt/dukaan/releases/api/current`;
      const result = await execa("ssh", [...access.options, target, command], {
        reject: false,
        stdin: "ignore",
      });
      if (result.exitCode === 0 && result.stdout.trim() === release) continue;
      throw new CliError(
        `${name} does not stay at release ${release}; the old credential still works\n  ${result.stderr}`,
        "Look at it with ./dukaan diagnose, then run the same command again.",
      );
    }
  },
};

const steps: Record<Credential, Step<Progress>[]> = {
  "database-password": [
    {
      title: "A second login, and the app uses it",
      run: async (context, report, retitle) => {
        const { pulumi, stack } = context.session!;
        const { databaseLogins } = await requireSettings(stack);
        context.rotation = planRotation(databaseLogins, context.resources!);
        const { user, both } = context.rotation;
        if (both) {
          await query(pulumi, ["config", "set", "dukaan:databaseLogins", JSON.stringify(both)]);
          await runOperation(pulumi, "up", report);
        }
        await look(context);
        retitle(`The app logs in as ${user}`);
      },
    },
    endStandby,
    {
      title: "The earlier login is dropped",
      run: async (context, report) => {
        const { pulumi } = context.session!;
        const last = JSON.stringify([context.rotation!.number]);
        await query(pulumi, ["config", "set", "dukaan:databaseLogins", last]);
        await runOperation(pulumi, "up", report);
        await look(context);
      },
    },
  ],
  "session-secret": [
    {
      title: "The app signs with a new secret",
      run: async (context, report) => {
        const urn = urnOf(context.resources!, "::app-session");
        await runOperation(context.session!.pulumi, "up", report, ["--replace", urn]);
        await look(context);
      },
    },
    endStandby,
  ],
  "deploy-key": [
    {
      title: "A new key, which the machines know beside the old one",
      run: async ({ session, resources }, report) => {
        const { pulumi, stack } = session!;
        const urn = urnOf(resources!, "::deploy");
        const access = await sshAccess(session!);
        // The machines know this one alone until the end: whoever is cut off goes on with it.
        const old = join(stack.directory, "ssh", "key.old");
        if (!existsSync(old)) {
          await copyFile(join(stack.directory, "ssh", "key"), `${old}.new`);
          await rename(`${old}.new`, old);
        }
        if ((await publicKeyOf(old)) === (await publicKeyOf(join(stack.directory, "ssh", "key")))) {
          await runOperation(pulumi, "up", report, ["--target", urn, "--replace", urn]);
          await sshAccess(session!);
        }
        const key = await publicKeyOf(join(stack.directory, "ssh", "key"));
        for (const [name, target] of Object.entries(access.targets)) {
          const options = access.options.map((word) => word.replace(/ssh\/key$/, "ssh/key.old"));
          const knows = await execa("ssh", [...access.options, target, "true"], { reject: false });
          if (knows.exitCode !== 0) await addKey(name, [...options, target], key);
        }
      },
    },
    {
      title: "The old key is taken away",
      run: async (context, report) => {
        const { pulumi, stack } = context.session!;
        await runOperation(pulumi, "up", report);
        await look(context);
        await rm(join(stack.directory, "ssh", "key.old"));
      },
    },
  ],
};

async function publicKeyOf(file: string): Promise<string> {
  const { stdout } = await execa("ssh-keygen", ["-y", "-f", file]);
  return stdout.trim();
}

/** The role `base` writes the whole list when it is applied next. */
async function addKey(machine: string, ssh: string[], key: string): Promise<void> {
  const list = "/root/.ssh/authorized_keys";
  const script = `key=$(cat); grep -qxF "$key" ${list} || echo "$key" >>${list}`;
  const result = await execa("ssh", [...ssh, script], { input: key, reject: false });
  if (result.exitCode === 0) return;
  throw new CliError(
    `${machine} does not take the new key, the old one works as before: ${result.stderr}`,
    "Look at it with ./dukaan diagnose, then run the same command again.",
  );
}

async function look(context: Progress): Promise<void> {
  const outputs = await readOutputs(context.session!.pulumi, { secrets: false });
  context.shop = outputs as unknown as ShopOutputs;
  await smokeTest(context.shop);
}

function urnOf(resources: readonly StateResource[], ending: string): string {
  const found = resources.find(({ urn }) => urn.endsWith(ending));
  if (found) return found.urn;
  throw new CliError(
    "the stack is not up: it has no such credential",
    "Run ./dukaan up first.",
    ExitCode.precondition,
  );
}

/** Digest of the bundle that is deployed: what is built here meanwhile is for `up` to deploy. */
