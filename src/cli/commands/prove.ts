import { randomInt } from "node:crypto";
import { lookup } from "node:dns/promises";
import { styleText } from "node:util";
import { outside, type Place } from "../../prove/expectation.js";
import { Prober, ProberError } from "../../prove/prober.js";
import { type NetworkProof, proveNetwork } from "../../prove/prove.js";
import { reachTable } from "../../prove/table.js";
import { topologyOf } from "../../../stacks/index.js";
import { refuseOnAws } from "../aws-stack.js";
import { CliError, ExitCode } from "../errors.js";
import { readOutputs } from "../pulumi.js";
import { openSession } from "../session.js";
import { requireSettings } from "../settings.js";
import { openStack } from "../stack.js";
import { runSteps } from "../steps.js";
import { stopwatch } from "../stopwatch.js";
import { sshAccess } from "./ssh.js";

interface ProveOptions {
  stack: string;
  local?: boolean;
  sample: string;
  seed?: string;
  json?: boolean;
}

/**
 * Asks from this computer and from every machine what the others let through, and compares it with the flows of the
 * topology. Changes nothing. Exit code 0: every flow passes and nothing else does; 1: not so.
 */
export async function prove(options: ProveOptions): Promise<void> {
  const sample = wholeNumber("--sample", options.sample, 65_535);
  const seed =
    options.seed === undefined ? randomInt(2 ** 31) : wholeNumber("--seed", options.seed, 2 ** 31 - 1);
  const elapsed = stopwatch();
  await refuseOnAws(
    await openStack(options.stack, options),
    "prove network",
    "Compare the security groups with ./dukaan plan.",
  );
  const session = await openSession(options);
  const outputs = await readOutputs(session.pulumi, { secrets: true });
  const { targets, options: sshOptions } = await sshAccess(session, outputs);
  const settings = await requireSettings(session.stack);
  const topology = topologyOf(settings);
  const beyond = await storageAt(session.cloud?.objectStorage.endpoint ?? settings.backup?.endpoint);
  requireSame(
    topology.machines.map(({ name }) => name),
    Object.keys(targets),
  );
  const found: { proof?: NetworkProof } = {};
  await runSteps(found, [
    {
      title: "asking everybody for everything",
      run: async (context, report) => {
        const quick = ["-o", "BatchMode=yes", "-o", "ServerAliveInterval=4"];
        const here = await Prober.start(outside);
        const machines = await Promise.all(
          Object.entries(targets).map(([name, target]) =>
            Prober.start(name, ["ssh", ...quick, ...sshOptions, target]),
          ),
        );
        const { addresses } = outputs as { addresses: Record<string, { ipv4?: string; ipv6?: string }> };
        try {
          context.proof = await proveNetwork({
            topology,
            addresses,
            machines,
            here,
            beyond,
            sample,
            seed,
            report,
          });
        } catch (error) {
          throw error instanceof ProberError ? notAsked(error) : error;
        } finally {
          await Promise.all([here, ...machines].map((prober) => prober.end()));
        }
      },
    },
  ]);
  const proof = found.proof!;
  const seconds = elapsed();
  const shown = options.json
    ? JSON.stringify(
        asJson(proof, { stack: options.stack, stage: topology.stage, sample, seed, seconds }),
        undefined,
        2,
      )
    : asText(proof, sample, seed, seconds);
  process.stdout.write(`${shown}\n`);
  if (proof.findings.length > 0) process.exitCode = ExitCode.failed;
}

function wholeNumber(option: string, given: string, most: number): number {
  const number = Number(given);
  if (/^\d+$/.test(given) && number <= most) return number;
  throw new CliError(`${option} is "${given}"`, `Give a whole number from 0 to ${most}.`, ExitCode.usage);
}

/** The settings may have been changed since the last `up`: then they say nothing about what is there. */
function requireSame(planned: readonly string[], there: readonly string[]): void {
  const different = [...new Set(planned).symmetricDifference(new Set(there))];
  if (different.length === 0) return;
  throw new CliError(
    `the settings and the stack differ in ${different.join(", ")}`,
    "Run ./dukaan up first.",
    ExitCode.precondition,
  );
}

/** Where backups go: the one service beyond the stack that every machine may reach and that is sure to answer. */
async function storageAt(endpoint: string | undefined): Promise<Place[]> {
  if (endpoint === undefined) return [];
  const { hostname, port } = new URL(endpoint);
  const [found] = await lookup(hostname.replaceAll(/[[\]]/g, ""), { all: true }).catch(() => []);
  if (!found) return [];
  const only = port === "" ? 443 : Number(port);
  return [{ name: "object storage", [found.family === 6 ? "ipv6" : "ipv4"]: found.address, only }];
}

function notAsked(error: ProberError): CliError {
  const { place, reason } = error;
  return place === outside
    ? new CliError(
        `this computer cannot ask: ${reason}`,
        "It needs python3 (Debian: apt-get install python3).",
        ExitCode.precondition,
        { cause: error },
      )
    : new CliError(
        `${place} cannot be asked from: ${reason}`,
        "`./dukaan diagnose` says what is wrong with it; `./dukaan up` mends it.",
        ExitCode.failed,
        { cause: error },
      );
}

function asText(
  { findings, walked, questions, omitted }: NetworkProof,
  sample: number,
  seed: number,
  seconds: number,
) {
  const colour = findings.length === 0 ? "green" : "red";
  const verdict =
    findings.length === 0
      ? "Every declared flow passes, and nothing else does."
      : `The network is not what the flows say: ${findings.length} ${findings.length === 1 ? "finding" : "findings"}.`;
  return [
    reachTable(walked),
    "",
    ...findings.flatMap(({ kind, text, remedy }, index) => [
      `${index + 1}. ${styleText("red", kind.toUpperCase(), { stream: process.stdout })} ${text}`,
      `   → ${remedy}`,
      "",
    ]),
    ...omitted.map((what) => `not asked: ${what}`),
    styleText(colour, verdict, { stream: process.stdout }),
    `${questions.toLocaleString("en")} questions in ${seconds.toFixed(1)} s; ${sample} random ports a protocol, --seed ${seed} asks the same ones`,
  ].join("\n");
}

function asJson({ findings, walked, questions, omitted }: NetworkProof, about: object): object {
  return {
    ...about,
    proven: findings.length === 0,
    questions,
    omitted,
    findings,
    paths: walked.map(({ path: { from, to, side, family, address }, expected, found }) => ({
      from,
      to,
      side,
      family,
      address,
      expected: { tcp: [...expected.tcp], udp: [...expected.udp], ping: expected.ping },
      found,
    })),
  };
}
