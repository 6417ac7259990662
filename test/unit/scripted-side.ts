import type { Side } from "../../src/cli/database-side.js";
import type { DatabaseStatus, Running } from "../../src/evolve/databases.js";

export const standby: Running = {
  state: "standby",
  system: "7",
  timeline: 1,
  streaming: false,
  asked: false,
  position: "0/5000000",
  lastCommit: null,
  heard: null,
  oldest: "000000010000000000000003",
};
export const primary: Running = { ...standby, state: "primary" };
/** Ended cleanly by the move "a", after all that a standby has. */
export const fenced = {
  state: "fenced",
  by: "a",
  clean: true,
  ended: "0/5000000",
  timeline: 1,
  system: "7",
} as const;

/**
 * A database that gives these answers to what it is, the last one again and again, and notes which steps it did.
 * @param failures by step, what it fails with
 */
export function sideThat(
  done: string[],
  machine: string,
  answers: readonly (DatabaseStatus | Error)[],
  failures: Record<string, Error> = {},
): Side {
  const left = [...answers];
  return {
    machine,
    status: async () => {
      const answer = left.length > 1 ? left.shift()! : left[0]!;
      if (answer instanceof Error) throw answer;
      return answer;
    },
    step: async (name = "") => {
      if (failures[name]) throw failures[name];
      done.push(`${machine} ${name}`);
      return "";
    },
    checksums: () => {
      throw new Error("nothing is compared");
    },
  };
}
