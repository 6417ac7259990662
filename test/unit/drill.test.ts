import { describe, expect, test } from "vitest";
import { countLogged, judgeLoss, type Look, type Observed, rotationChanges } from "../../src/drill/judge.js";
import { losses, parseLosses } from "../../src/drill/losses.js";
import { reportData, reportHtml, summary } from "../../src/drill/report.js";
import { summarize, type Report, type Sample } from "../../src/load/report.js";

const start = Date.parse("2026-01-31T12:00:00Z");

/** A balancer's looks every 50 ms over 20 s; `status` says what it thinks of app-2 at a second. */
function looks(status: (second: number) => string, balancer = "edge-1"): Look[] {
  return Array.from({ length: 400 }, (_, index) => ({
    balancer,
    at: start + index * 50,
    servers: {
      "app-1": { status: "UP", weight: 100, requests: index * 5 },
      "app-2": { status: status(index / 20), weight: 100, requests: index * 3 },
    },
  }));
}

/** 200 requests a second over 20 s, each answered after 10 ms; `error` says what was wrong with one. */
function requests(error: (second: number, index: number) => string | undefined = () => undefined): Sample[] {
  return Array.from({ length: 4000 }, (_, index) => {
    const wrong = error(index / 200, index);
    return { at: index * 5, kind: "catalogue", ms: 10, ...(wrong !== undefined && { error: wrong }) };
  });
}

/** Broken at second 5, mended at second 10. */
function observed(changes: Partial<Observed> = {}): Observed {
  return {
    loss: "frozen",
    server: "app-2",
    startedAt: start,
    samples: requests(),
    looks: looks((second) => (second >= 5.7 && second < 10.5 ? "DOWN" : "UP")),
    brokenAt: start + 5000,
    mendedAt: start + 10_000,
    endedAt: start + 20_000,
    logged: { writes: 100, writesRepeated: 0, reads: 3900, readsRepeated: 12 },
    orders: {
      ok: true,
      orders: { placed: 9, refused: 0, open: 0, openThere: 0, inDatabase: 9 },
      findings: [],
    },
    ...changes,
  };
}

describe("a loss", () => {
  test("that cost no more than it may has met its goals", () => {
    const oneFails = requests((_, index) => (index === 1010 ? "timeout" : undefined));
    const result = judgeLoss(observed({ samples: oneFails }));
    expect(result).toMatchObject({
      outMs: 700,
      backMs: 500,
      returns: 0,
      firstSecond: 200,
      failed: 1,
      missed: [],
    });
  });

  test.each([
    [
      "out too late",
      { looks: looks((second) => (second >= 6.2 && second < 11 ? "DOWN" : "UP")) },
      "after 1200 ms",
    ],
    ["never out", { looks: looks(() => "UP") }, "stayed in rotation"],
    ["not back", { looks: looks((second) => (second >= 5.5 ? "DOWN 1/2" : "UP 1/2")) }, "did not come back"],
    [
      "two failures",
      { samples: requests((_, index) => (index === 1010 || index === 1500 ? "x" : undefined)) },
      "2 req",
    ],
    [
      "one after it is back",
      { samples: requests((_, index) => (index === 2300 ? "x" : undefined)) },
      "was not ready",
    ],
    [
      "a repeated POST",
      { logged: { writes: 9, writesRepeated: 1, reads: 1, readsRepeated: 0 } },
      "1 writes were sent",
    ],
    [
      "a lost order",
      {
        orders: {
          ok: false,
          orders: { placed: 1, refused: 0, open: 0, openThere: 0, inDatabase: 0 },
          findings: [{ kind: "lost", message: "order 1 is not there" }],
        },
      },
      "lost: order 1",
    ],
  ] satisfies [string, Partial<Observed>, string][])("misses its goals: %s", (_, changes, message) => {
    expect(judgeLoss(observed(changes)).missed).toEqual([expect.stringContaining(message)]);
  });

  test("of what visitors do not need may leave it in rotation", () => {
    expect(judgeLoss(observed({ loss: "disk", looks: looks(() => "UP") })).missed).toEqual([]);
  });

  test("is not charged with what failed before", () => {
    const before = requests((second) => (second < 4.9 ? "status 500" : undefined));
    expect(judgeLoss(observed({ samples: before })).failed).toBe(0);
  });

  test("counts how often a server that is broken is tried again", () => {
    const flapping = looks((second) =>
      second >= 5.5 && second < 10 && Math.floor(second) % 2 === 1 ? "DOWN" : "UP",
    );
    expect(judgeLoss(observed({ looks: flapping })).returns).toBe(2);
  });
});

test("a server is out of rotation when the last of all balancers has noticed, and back with the first", () => {
  const one = looks((second) => (second >= 5 && second < 8 ? "NOLB" : "UP"), "edge-1");
  const two = looks((second) => (second >= 6 && second < 9 ? "DOWN" : "UP"), "edge-2");
  const both = [...one, ...two].sort((a, b) => a.at - b.at);
  expect(rotationChanges(both, "app-2").map(({ at, inRotation }) => [at - start, inRotation])).toEqual([
    [0, true],
    [6000, false],
    [8000, true],
  ]);
});

test("a request that reached two servers is counted once as repeated", () => {
  const lines = ["GET a", "POST b", "GET a", "GET c", "POST d", "POST d", "HEAD e"];
  expect(countLogged(lines)).toEqual({ writes: 2, writesRepeated: 1, reads: 3, readsRepeated: 1 });
});

test("losses are chosen by name, in their own order, and unknown ones are named", () => {
  expect(parseLosses("frozen, killed")).toEqual(["killed", "frozen"]);
  expect(() => parseLosses("frozen,burnt")).toThrow('"burnt"');
  expect(parseLosses(losses.join(","))).toEqual([...losses]);
});

test("a report has a timeline of every loss, and escapes what it was told", () => {
  const seen = observed({ samples: requests((_, index) => (index === 1010 ? "<b>" : undefined)) });
  const load: Report = {
    url: "https://shop.test",
    startedAt: new Date(start).toISOString(),
    seconds: 20,
    rate: { wanted: 200, arrived: 200 },
    orders: { placed: 9, refused: 0, unknown: 0 },
    generator: { latestMs: 1, journalMs: 0, cpu: 0.1, resent: 0 },
    ...summarize(seen.samples, new Date(start), 20),
  };
  const { brokenAt, mendedAt } = seen;
  const report = {
    drill: "app-loss" as const,
    stack: "lab",
    url: "https://shop.test",
    rate: 200,
    startedAt: load.startedAt,
    goalsMet: true,
    losses: [{ result: judgeLoss(seen), load, brokenAt, mendedAt, looks: seen.looks }],
  };
  const html = reportHtml(report);
  expect(html.match(/<svg /g)).toHaveLength(3);
  for (const text of ["broken", "out", "mended", "back", "app-1", "1 × &lt;b>"]) expect(html).toContain(text);
  expect(html).not.toContain("<b>");
  expect(summary(report)).toMatch(/frozen +700 ms +1 +of 200 +0\.5 s +10 ms +met/);
  expect(JSON.parse(JSON.stringify(reportData(report)))).toMatchObject({
    goals: { outMs: 1000, failedShare: 0.005 },
    losses: [
      { loss: "frozen", rotation: [{ inRotation: true }, { inRotation: false }, { inRotation: true }] },
    ],
  });
});
