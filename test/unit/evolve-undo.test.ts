import { beforeEach, describe, expect, it } from "vitest";
import { MachineSilent, type Side, type Steps } from "../../src/cli/database-side.js";
import { type Carry, carryDatabase } from "../../src/cli/database-copy.js";
import { CliError } from "../../src/cli/errors.js";
import { requireUnused, undoMove } from "../../src/cli/evolution-abort.js";
import { removeOld } from "../../src/cli/evolution-steps.js";
import type { DatabaseStatus } from "../../src/evolve/databases.js";
import { fenced, primary, sideThat, standby } from "./scripted-side.js";

// A database is removed only when it is known that the other one can go on.

const stopped = { state: "stopped", starting: false, standby: false, asked: false } as const;
const readOnly = { state: "read-only", by: "a", system: "7" } as const;
const silent = new MachineSilent("old-1");
const broken = new CliError("old-1: PostgreSQL does not start", "");

let done: string[];
beforeEach(() => {
  done = [];
});

const side = (machine: string, answers: readonly (DatabaseStatus | Error)[], failures = {}) =>
  sideThat(done, machine, answers, failures);

function steps(machine: string, failures: Record<string, Error> = {}): Steps {
  return {
    machine,
    step: async (name = "", ...words) => {
      if (failures[name]) throw failures[name];
      done.push([machine, name, ...words].join(" "));
      return "";
    },
  };
}

describe("a move that is given up", () => {
  const undo = (source: Side, target: Side, byBook = false) =>
    undoMove(
      {
        source,
        target,
        copying: { source: steps("old-1"), target: steps("new-1") },
        fronts: [steps("front-1")],
      },
      { other: true, byBook, to: "split" },
    );

  it("removes the copy of a database that runs", async () => {
    await undo(side("old-1", [primary]), side("new-1", [standby]));
    expect(done).toEqual(["new-1 forget"]);
  });

  it("removes the copy of one that has ended cleanly, which goes on after that", async () => {
    await undo(side("old-1", [fenced]), side("new-1", [standby]));
    expect(done).toEqual(["new-1 forget", "old-1 unfence"]);
  });

  it("starts one that does not run before its copy is removed", async () => {
    await undo(side("old-1", [stopped, primary]), side("new-1", [standby]));
    expect(done).toEqual(["old-1 start", "new-1 forget"]);
  });

  it("starts one that was cut off while it ended before its copy is removed", async () => {
    const unclean = { ...fenced, clean: false };
    await undo(side("old-1", [unclean, unclean, primary]), side("new-1", [standby]));
    expect(done).toEqual(["old-1 adopt", "old-1 unfence", "new-1 forget"]);
  });

  it("opens the shop on one that was read-only, which must start", async () => {
    await undo(side("old-1", [readOnly]), side("new-1", [{ state: "reserved", accepted: "a" }]), true);
    expect(done).toEqual(["old-1 start", "new-1 forget", "old-1 reopen a", "front-1 off"]);
  });

  it.each<[string, DatabaseStatus | Error, string]>([
    ["does not answer", silent, "old-1 does not answer"],
    ["is gone", { state: "none" }, "may be all that there is"],
    ["does not start", stopped, "PostgreSQL does not start"],
    ["is broken and read-only", readOnly, "PostgreSQL does not start"],
  ])("keeps the copy of a database that %s", async (_, status, words) => {
    const old = side("old-1", [status], { start: broken });
    await expect(undo(old, side("new-1", [standby]))).rejects.toThrow(words);
    expect(done).toEqual([]);
  });

  it("keeps a copy that everything is in, when the old database was cut off while it ended", async () => {
    const old = side("old-1", [{ ...fenced, clean: false }]);
    const next = side("new-1", [{ state: "reserved", accepted: "a" }]);
    await expect(undo(old, next, true)).rejects.toThrow("has taken over");
    expect(done).toEqual(["old-1 adopt"]);
  });
});

describe("a new server that is gone", () => {
  const poolsThatLead = (...places: string[]): Steps[] =>
    places.map((place) => ({ machine: "app-1", step: async () => place }));
  const open = (old: DatabaseStatus, pools: Steps[]) =>
    requireUnused(
      { source: side("old-1", [old]), target: side("new-1", [silent]), pools, host: "10.0.0.2" },
      "split",
    );

  it("has taken no order while the old database had not ended, or queries were led to that one", async () => {
    await expect(open(primary, poolsThatLead("10.0.0.2"))).resolves.toBeUndefined();
    await expect(open(fenced, poolsThatLead("10.0.0.1", "10.0.0.1"))).resolves.toBeUndefined();
  });

  it.each<[string, Steps[]]>([
    ["a pool leads there", poolsThatLead("10.0.0.1", "10.0.0.2")],
    ["the pool is gone with it", [{ machine: "new-1", step: () => Promise.reject(silent) }]],
    ["there is no pool to ask", []],
  ])("may have taken orders when %s", async (_, pools) => {
    await expect(open(fenced, pools)).rejects.toMatchObject({
      exitCode: 4,
      remedy: expect.stringContaining("restore --latest"),
    });
  });
});

describe("the old database after a move", () => {
  it("is removed when the new one answers", async () => {
    await removeOld({ source: side("old-1", [fenced]), target: side("new-1", [stopped, primary]) });
    expect(done).toEqual(["new-1 start", "old-1 forget"]);
  });

  it.each([silent, { state: "none" } as const, standby])("is kept when it does not: %j", async (status) => {
    const move = { source: side("old-1", [fenced]), target: side("new-1", [status]) };
    await expect(removeOld(move)).rejects.toThrow(/new-1 is (none|standby)|old-1 does not answer/);
    expect(done).toEqual([]);
  });
});

describe("a move by the book that fails", () => {
  const carry = (failing: {
    front?: Error;
    start?: Error;
    reopen?: Error;
    copy?: Error;
    end?: Error;
    old?: DatabaseStatus[];
    next?: (DatabaseStatus | Error)[];
  }) => {
    const fail = (name: string, error: Error | undefined) => (error ? { [name]: error } : {});
    const move: Carry = {
      source: side("old-1", failing.old ?? [primary], fail("start", failing.start)),
      target: side("new-1", failing.next ?? [{ state: "reserved", accepted: null }]),
      pools: [steps("pool-1")],
      host: "10.0.0.2",
      report: () => undefined,
      copying: {
        source: steps("old-1", { ...fail("reopen", failing.reopen), ...fail("end", failing.end) }),
        target: steps("new-1", fail("copy", failing.copy)),
      },
      sourceAddress: "10.0.0.1",
      fronts: [steps("front-1", fail("on", failing.front)), steps("front-2")],
      interrupted: () => false,
      ending: () => done.push("ending"),
    };
    return carryDatabase(move);
  };
  /** What was done to go back, and in which order; what the names of runs are is by chance. */
  const wayBack = () =>
    done
      .map((step) => step.replace(/ [0-9a-f]{16}$/, " RUN"))
      .filter((step) => /unfence|start|release|reopen|front-1 off/.test(step));
  const noRoom = new CliError("new-1: there is no room", "Make room.");

  it("opens the shop again when only some of it could be closed", async () => {
    await expect(carry({ front: new MachineSilent("front-1") })).rejects.toThrow("front-1 does not answer");
    expect(done).toEqual(expect.arrayContaining(["front-1 off", "front-2 off", "pool-1 resume"]));
  });

  it("opens the shop on the old database, and says why it failed", async () => {
    await expect(carry({ copy: noRoom })).rejects.toBe(noRoom);
    expect(done.slice(-2)).toEqual(["front-1 off", "front-2 off"]);
    expect(done).not.toContain("ending");
  });

  it("says why it failed and that the shop is still closed, when it cannot be opened", async () => {
    const error = await carry({ copy: noRoom, reopen: silent }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ remedy: expect.stringMatching(/^Make room[^]*--abort/) });
    expect((error as Error).message).toBe(
      "new-1: there is no room\non the way back: old-1 does not answer\nThe shop is still closed.",
    );
    expect(done).toContain("pool-1 resume");
    expect(done).not.toContain("front-1 off");
  });

  const accepted = { state: "reserved", accepted: "a", system: "7" } as const;
  const lost = new CliError("new-1: another run has accepted its copy", "");

  it("takes back what another run has accepted before the old database accepts writes again", async () => {
    // Whoever it is that has the database closed by now: our own name for it is by chance.
    await expect(carry({ copy: lost, next: [{ ...accepted, accepted: null }, accepted] })).rejects.toBe(lost);
    expect(wayBack()).toEqual([
      "old-1 unfence",
      "old-1 start",
      "new-1 release a",
      "old-1 reopen RUN",
      "front-1 off",
    ]);
  });

  it("takes back nothing of another run that has the old database closed by now", async () => {
    const old = [primary, primary, { ...readOnly, by: "b" }];
    const taken = new CliError("old-1: this database was made read-only by another run", "");
    const error = carry({ copy: lost, reopen: taken, old, next: [accepted] });
    await expect(error).rejects.toThrow("The shop is still closed");
    expect(wayBack()).toEqual(["old-1 unfence", "old-1 start"]);
  });

  it("keeps a copy that everything is in, while it is not known that the old database can go on", async () => {
    const end = new CliError("old-1: PostgreSQL does not end", "");
    const error = carry({ end, start: broken, old: [readOnly], next: [accepted] });
    await expect(error).rejects.toThrow("on the way back: old-1: PostgreSQL does not start");
    expect(wayBack()).toEqual(["old-1 unfence"]);
  });

  it("does not bring the old database back once the new one is open", async () => {
    const open = { ...primary, asked: true };
    const error = carry({ end: silent, old: [readOnly], next: [accepted, open] });
    await expect(error).rejects.toThrow("the new database has taken over");
    expect(wayBack()).toEqual([]);
  });

  it("opens the shop when the new machine is gone, and stays closed when a copy of it could be opened", async () => {
    const gone = new MachineSilent("new-1");
    const nothing = { state: "reserved", accepted: null } as const;
    await expect(carry({ copy: gone, next: [nothing, gone] })).rejects.toBe(gone);
    expect(wayBack().slice(-2)).toEqual(["old-1 reopen RUN", "front-1 off"]);
    done = [];
    await expect(carry({ copy: gone, old: [readOnly], next: [nothing, gone] })).rejects.toThrow(
      "still closed",
    );
    expect(wayBack()).toEqual([]);
  });
});

describe("a move by the book that was cut off after the copy was accepted", () => {
  it("goes on, however the old database ends, and says of which one the copy is", async () => {
    const ended = { ...fenced, clean: false };
    const move: Carry = {
      source: side("old-1", [readOnly, ended]),
      target: side("new-1", [{ state: "reserved", accepted: "a" }]),
      pools: [],
      host: "10.0.0.2",
      report: () => undefined,
      copying: { source: steps("old-1"), target: steps("new-1") },
      sourceAddress: "10.0.0.1",
      fronts: [steps("front-1")],
      interrupted: () => false,
      ending: () => undefined,
    };
    await carryDatabase(move);
    expect(done).toEqual(["front-1 on", "old-1 end a", "new-1 open 7", "front-1 off"]);
  });
});
