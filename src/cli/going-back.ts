import type { StateResource } from "./recovery/state.js";

/** What machines say that were to go back to an earlier release, and what follows from it. Pure. */

/** A release that serves on a machine. */
export interface Served {
  release: string;
  /** Digest of its bundle. */
  bundle: string;
}

/** What became of one machine. */
export interface MachineReturn {
  machine: string;
  /** Whether it could be reached at all. */
  answered: boolean;
  /** What it serves now; absent: it did not go back, and serves what it served before. */
  served?: Served;
  /** Its own words. */
  said: string;
}

/** Machines went back. */
export interface Returned {
  served: Served;
  /** Names of the machines that could not be reached. */
  silent: string[];
  /** Those that answered and did not go back, with their words: they get the release when it is recorded. */
  stayed: { machine: string; said: string }[];
}

/** What to do when nothing went back, or each to something else. */
export interface NotReturned {
  refusal: string;
  remedy: string;
}

/**
 * Decides what a rollback has come to. Machines that do not answer, or have no earlier release, keep no others from it;
 * but those that went back must agree.
 */
export function judgeReturn(answers: readonly MachineReturn[]): Returned | NotReturned {
  const went = answers.filter((answer) => answer.served !== undefined);
  const [first] = went;
  if (first?.served === undefined) {
    const lines = answers.map(({ machine, answered, said }) =>
      `${machine} ${answered ? "did not go back; it serves what it served before" : "does not answer"}:\n${said}`.replaceAll(
        "\n",
        "\n  ",
      ),
    );
    const remedy = answers.some(({ answered }) => answered)
      ? "Correct the app and run ./dukaan up."
      : "Look at them with ./dukaan diagnose, then run the same command again.";
    return { refusal: lines.join("\n"), remedy };
  }
  const { served } = first;
  if (went.some((answer) => answer.served?.bundle !== served.bundle)) {
    const each = went.map((answer) => `${answer.machine} ${answer.served?.release}`).join(", ");
    return {
      refusal: `the machines do not agree on a release: ${each}`,
      remedy: "Run it again, or deploy a release with ./dukaan up --release latest.",
    };
  }
  const others = answers.filter((answer) => answer.served === undefined);
  return {
    served,
    silent: others.filter(({ answered }) => !answered).map(({ machine }) => machine),
    stayed: others.filter(({ answered }) => answered).map(({ machine, said }) => ({ machine, said })),
  };
}

/** What a person has to know of the machines that did not go back by themselves; empty when all did. */
export function describeReturn({ silent, stayed }: Returned): string {
  return [
    ...stayed.map(
      ({ machine, said }) =>
        `${machine} did not go back by itself and was sent the release; it switched later than the others. It said:\n${said}`.replaceAll(
          "\n",
          "\n  ",
        ) + "\n",
    ),
    ...silent.map(
      (machine) =>
        `ATTENTION: ${machine} does not answer and was left. If it comes back it serves what it had, until ./dukaan up brings it this release.\n`,
    ),
  ].join("");
}

const releaseTypes: ReadonlySet<string> = new Set(["dukaan:index:Release", "dukaan:index:ReleaseCandidate"]);

/** What brings a release to machines that nobody configures. */
const groupTypes: ReadonlySet<string> = new Set([
  "dukaan:index:BootPackage",
  "aws:ec2/launchTemplate:LaunchTemplate",
  "dukaan:index:InstanceRefresh",
]);

/** The releases on all machines but these, as the state has them, and their candidates where there are some. */
export function releasesBut(
  resources: readonly StateResource[],
  machines: readonly string[],
): StateResource[] {
  return resources.filter(
    ({ type, urn }) =>
      releaseTypes.has(type) && !machines.some((machine) => urn.endsWith(`::${machine}-api`)),
  );
}

/**
 * What a rollback is recorded with: those releases; and what brings the same release to a group of machines, with the roles of
 * the machines beside it, because roles travel with it and are met there first.
 */
export function recordedBy(resources: readonly StateResource[], silent: readonly string[]): StateResource[] {
  const group = resources.filter(({ type }) => groupTypes.has(type));
  const roles = group.length === 0 ? [] : resources.filter(({ type }) => type === "dukaan:index:Role");
  return [...releasesBut(resources, silent), ...roles, ...group];
}

/** The release that a resource says to be active. */
export function activeOf(release: StateResource | undefined): string | undefined {
  const active = release?.outputs?.["active"];
  return typeof active === "string" ? active : undefined;
}

/** The release that the state has on a machine. Machines of other sizes have others, of the same bundle. */
export function activeOn(machine: string, resources: readonly StateResource[]): string | undefined {
  return activeOf(resources.find(({ urn }) => urn.endsWith(`dukaan:index:Release::${machine}-api`)));
}
