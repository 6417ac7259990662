import { beforeEach, describe, expect, it } from "vitest";
import { MachineBusy, MachineSilent, type Side } from "../../src/cli/database-side.js";
import { CliError } from "../../src/cli/errors.js";
import { lookAtLoss, takeOverAlone } from "../../src/cli/evolution-loss.js";
import type { DatabaseStatus } from "../../src/evolve/databases.js";
import { primary, sideThat, standby } from "./scripted-side.js";

// When the old database of a move counts as lost, and what is done then.

const stopped = { state: "stopped", starting: false, standby: false, asked: false } as const;
const none = { state: "none" } as const;
const silent = new MachineSilent("old-1");

let done: string[];
let serverIsThere: boolean;

beforeEach(() => {
  done = [];
  serverIsThere = true;
});

const server = {
  isThere: () => Promise.resolve(serverIsThere),
  delete: () => {
    done.push("delete server");
    serverIsThere = false;
    return Promise.resolve();
  },
};
const asked = { to: "split", byBook: false, report: () => undefined, patience: 50, interval: 1 };

function sides(old: Side) {
  return {
    source: old,
    target: sideThat(done, "new-1", [standby]),
    pools: [],
    host: "10.0.0.2",
    copying: { source: sideThat(done, "old-1", [none]), target: sideThat(done, "new-1", [none]) },
    fronts: [sideThat(done, "old-1", [none]), sideThat(done, "front-1", [none])],
  };
}

describe("an old database that is said to be lost", () => {
  it.each([1, 5])("is not, when its server answers after %i silences", async (silences) => {
    const old = sideThat(done, "old-1", [...Array.from({ length: silences }, () => silent), primary]);
    const loss = lookAtLoss(sides(old), server, { ...asked, patience: 60_000 });
    await expect(loss).rejects.toThrow("nothing needs to be lost");
    expect(done).toEqual([]);
  });

  it("is lost when its server stays silent, and goes with it before the copy takes over", async () => {
    const both = sides(sideThat(done, "old-1", [silent]));
    const said: string[] = [];
    const loss = await lookAtLoss(both, server, { ...asked, report: (line) => said.push(line) });
    expect(said[0]).toMatch(/the cloud has the server of old-1, which does not answer/);
    expect(loss).toMatchObject({ old: "silent", told: expect.stringContaining("up to 0/5000000") });
    expect(done).toEqual([]);
    await takeOverAlone(both, server, loss, asked);
    expect(done).toEqual(["delete server", "new-1 promote"]);
  });

  it("is lost at once when its cloud has no server any more", async () => {
    serverIsThere = false;
    const loss = await lookAtLoss(sides(sideThat(done, "old-1", [silent])), server, {
      ...asked,
      patience: 600_000,
    });
    expect(loss.old).toBe("silent");
  });

  it("is not lost any more when it answers while somebody is asked", async () => {
    const both = sides(sideThat(done, "old-1", [primary]));
    const loss = { old: "silent", told: "" } as const;
    await expect(takeOverAlone(both, server, loss, asked)).rejects.toThrow("nothing needs to be lost");
    expect(done).toEqual([]);
  });

  it("is not lost when it starts", async () => {
    const old = sideThat(done, "old-1", [stopped, primary]);
    await expect(lookAtLoss(sides(old), server, asked)).rejects.toThrow("nothing needs to be lost");
    expect(done).toEqual(["old-1 start"]);
  });

  it("is not lost while it recovers, however long that takes", async () => {
    const start = new CliError("old-1: PostgreSQL does not start", "");
    const old = sideThat(done, "old-1", [stopped, { ...stopped, starting: true }], { start });
    await expect(lookAtLoss(sides(old), server, asked)).rejects.toThrow("it recovers");
    expect(done).toEqual([]);
  });

  it.each([silent, new MachineBusy("old-1", "another step is at work")])(
    "is not lost because nobody knows whether it starts: %s",
    async (start) => {
      const old = sideThat(done, "old-1", [stopped], { start });
      await expect(lookAtLoss(sides(old), server, asked)).rejects.toBe(start);
    },
  );

  it("is lost when it fails to start, and is ended before the copy takes over", async () => {
    const failures = { start: new CliError("old-1: PostgreSQL does not start", "") };
    const both = sides(sideThat(done, "old-1", [stopped], failures));
    const loss = await lookAtLoss(both, server, asked);
    expect(loss.old).toBe("stopped");
    await takeOverAlone(both, server, loss, asked);
    expect(done).toEqual(["old-1 fence", "new-1 promote"]);
  });

  it("keeps its copy waiting when it cannot be ended", async () => {
    const fence = new MachineBusy("old-1", "another step is at work");
    const both = sides(sideThat(done, "old-1", [stopped], { fence }));
    await expect(takeOverAlone(both, server, { old: "stopped", told: "" }, asked)).rejects.toBe(fence);
    expect(done).toEqual([]);
  });

  it("is lost when its machine was made anew without it", async () => {
    expect((await lookAtLoss(sides(sideThat(done, "old-1", [none])), server, asked)).old).toBe("none");
  });

  it("is not given up for a machine that has no copy", async () => {
    const both = { ...sides(sideThat(done, "old-1", [silent])), target: sideThat(done, "new-1", [none]) };
    await expect(lookAtLoss(both, server, asked)).rejects.toThrow("it is no copy that could take over");
    expect(done).toEqual([]);
  });
});

describe("an old database that is lost after it was copied by the book", () => {
  const byBook = { ...asked, byBook: true };
  const whole = { state: "reserved", accepted: "a", system: "7" } as const;
  const moveOf = (old: Side, ...next: DatabaseStatus[]) => ({
    ...sides(old),
    target: sideThat(done, "new-1", next),
  });

  it("is replaced by a copy that everything is in, and the shop is opened", async () => {
    serverIsThere = false;
    const both = moveOf(sideThat(done, "old-1", [silent]), whole);
    const loss = await lookAtLoss(both, server, byBook);
    expect(loss).toMatchObject({ old: "silent", told: expect.stringContaining("nothing is lost") });
    await takeOverAlone(both, server, loss, byBook);
    expect(done.filter((step) => step !== "new-1 start")).toEqual([
      "delete server",
      "new-1 open",
      "front-1 off",
    ]);
  });

  it.each<[string, DatabaseStatus, string]>([
    ["nobody has compared", { state: "reserved", accepted: null }, "no copy that could take over"],
    ["would not open", { state: "reserved", accepted: "a" }, "does not say of which database it is"],
  ])("is not given up for a copy that %s", async (_, next, words) => {
    serverIsThere = false;
    const both = moveOf(sideThat(done, "old-1", [silent]), next);
    await expect(lookAtLoss(both, server, byBook)).rejects.toThrow(words);
    // Nor when that is so since somebody was asked.
    const loss = { old: "silent", told: "" } as const;
    await expect(takeOverAlone(both, server, loss, byBook)).rejects.toThrow(words);
    expect(done).toEqual([]);
  });

  it("is not given up for a copy whose PostgreSQL does not start", async () => {
    const start = new CliError("new-1: PostgreSQL does not start", "");
    const both = {
      ...sides(sideThat(done, "old-1", [silent])),
      target: sideThat(done, "new-1", [whole], { start }),
    };
    const loss = { old: "silent", told: "" } as const;
    await expect(takeOverAlone(both, server, loss, byBook)).rejects.toBe(start);
    expect(done).toEqual([]);
  });

  it("is not replaced by a copy from before it was opened again", async () => {
    const failures = { start: new CliError("old-1: PostgreSQL does not start", "") };
    const both = moveOf(sideThat(done, "old-1", [stopped], failures), whole);
    await expect(lookAtLoss(both, server, byBook)).rejects.toThrow("lacks what came later");
    expect(done).toEqual(["new-1 start"]);
  });
});
