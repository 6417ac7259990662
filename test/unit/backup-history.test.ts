import { describe, expect, it } from "vitest";
import {
  backupsOf,
  chooseBackup,
  hasGapAfter,
  parseLsn,
  type PgBackRestInfo,
  readRepository,
  readTimeline,
} from "../../src/backup/history.js";

const minutes = (n: number) => 1_800_000_000 + 60 * n;
const at = (n: number) => new Date(minutes(n) * 1000);

/** As pgBackRest prints it, with the fields that are not read left out. */
function backup(label: string, stopMinute: number, stop: string, lsn: string, error = false) {
  return {
    label,
    type: label.endsWith("F") ? ("full" as const) : ("diff" as const),
    error,
    timestamp: { start: minutes(stopMinute) - 30, stop: minutes(stopMinute) },
    archive: { start: stop, stop },
    lsn: { start: lsn, stop: lsn },
    info: { size: 30_000_000, repository: { size: 4_000_000 } },
  };
}

// 10: backup A. 20: the server was lost, restored from A to minute 19 (timeline 2 branches off at 0/9000000). 25: backup
// C on timeline 2. B was made at 19:30 on timeline 1, after the branch.
const info: PgBackRestInfo = [
  {
    name: "shop",
    status: { code: 0, message: "ok" },
    archive: [{ max: "00000002000000000000000C" }],
    backup: [
      backup("A-F", 10, "000000010000000000000005", "0/5000100"),
      backup("damaged-D", 12, "000000010000000000000006", "0/6000100", true),
      backup("B-D", 19.5, "000000010000000000000009", "0/9000200"),
      backup("C-F", 25, "00000002000000000000000B", "0/B000100"),
    ],
  },
];
const repository = readRepository(info);
const first = readTimeline(1, "");
const second = readTimeline(2, "1\t0/9000000\tbefore 2026-11-21 14:43:16.514+00\n");

describe("the history of a database", () => {
  it("has the backups that are whole, oldest first", () => {
    expect(repository.backups.map(({ label, timeline }) => [label, timeline])).toEqual([
      ["A-F", 1],
      ["B-D", 1],
      ["C-F", 2],
    ]);
    expect(repository.newestWal).toBe("00000002000000000000000C");
  });

  it("leads to a timeline from its own backups and from its parents' before it branched off", () => {
    expect(backupsOf(second, repository).map(({ label }) => label)).toEqual(["A-F", "C-F"]);
    expect(backupsOf(first, repository).map(({ label }) => label)).toEqual(["A-F", "B-D"]);
  });

  it("starts from the last backup before the moment", () => {
    const labels = [9, 10, 11, 21, 24, 26].map((n) => chooseBackup(second, repository, at(n))?.label);
    // A backup is complete within its last second, so its own minute is too early.
    expect(labels).toEqual([undefined, undefined, "A-F", "A-F", "A-F", "C-F"]);
    expect(chooseBackup(first, repository, at(21))?.label).toBe("B-D");
    expect(chooseBackup(second, repository, undefined)?.label).toBe("C-F");
  });

  it("sees that WAL is missing where a recovery ended before the last piece", () => {
    // A recovery that used up file 0C ends where 0D would begin, or within 0C.
    expect(hasGapAfter(parseLsn("0/D000000"), 2, repository)).toBe(false);
    expect(hasGapAfter(parseLsn("0/C000100"), 2, repository)).toBe(false);
    expect(hasGapAfter(parseLsn("0/C000000"), 2, repository)).toBe(true);
    expect(hasGapAfter(parseLsn("0/A000100"), 2, repository)).toBe(true);
    // Of another timeline's end the newest file says nothing.
    expect(hasGapAfter(parseLsn("0/A000100"), 1, repository)).toBe(false);
    expect(hasGapAfter(parseLsn("0/A000100"), 2, { backups: [] })).toBe(false);
  });

  it("counts beyond 4 GiB and 256 files", () => {
    expect(parseLsn("16/B374D848")).toBe(0x16b374d848n);
    const large = { backups: [], newestWal: "000000020000001600000001" };
    expect(hasGapAfter(parseLsn("16/1000000"), 2, large)).toBe(true);
    expect(hasGapAfter(parseLsn("16/2000000"), 2, large)).toBe(false);
    expect(() => parseLsn("16B374D848")).toThrow(RangeError);
  });

  it("is empty without a repository", () => {
    expect(readRepository([])).toEqual({ backups: [] });
    expect(chooseBackup(first, readRepository([]), undefined)).toBeUndefined();
  });
});
