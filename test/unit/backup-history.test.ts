import { describe, expect, it } from "vitest";
import {
  backupsOf,
  chooseBackup,
  missingWal,
  parseLsn,
  type PgBackRestInfo,
  readBackups,
  readTimeline,
} from "../../src/backup/history.js";

const minutes = (n: number) => 1_800_000_000 + 60 * n;
const at = (n: number) => new Date(minutes(n) * 1000);

/** As pgBackRest prints it, with the fields that are not read left out. */
function backup(label: string, stopMinute: number, stop: string, lsn: string, error = false, database = 1) {
  return {
    label,
    type: label.endsWith("F") ? ("full" as const) : ("diff" as const),
    error,
    timestamp: { start: minutes(stopMinute) - 30, stop: minutes(stopMinute) },
    archive: { start: stop, stop },
    database: { id: database },
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
    db: [{ id: 1 }],
    backup: [
      backup("A-F", 10, "000000010000000000000005", "0/5000100"),
      backup("damaged-D", 12, "000000010000000000000006", "0/6000100", true),
      backup("B-D", 19.5, "000000010000000000000009", "0/9000200"),
      backup("C-F", 25, "00000002000000000000000B", "0/B000100"),
    ],
  },
];
const backups = readBackups(info);
const first = readTimeline(1, "");
const second = readTimeline(2, "1\t0/9000000\tbefore 2026-11-21 14:43:16.514+00\n");

describe("the history of a database", () => {
  it("has the backups that are whole, oldest first", () => {
    expect(backups.map(({ label, timeline }) => [label, timeline])).toEqual([
      ["A-F", 1],
      ["B-D", 1],
      ["C-F", 2],
    ]);
  });

  it("leads to a timeline from its own backups and from its parents' before it branched off", () => {
    expect(backupsOf(second, backups).map(({ label }) => label)).toEqual(["A-F", "C-F"]);
    expect(backupsOf(first, backups).map(({ label }) => label)).toEqual(["A-F", "B-D"]);
  });

  it("has none of the database before it, when it is a dump of that one", () => {
    const [stanza] = info;
    const own = backup("E-F", 40, "000000010000000000000003", "0/3000100", false, 2);
    const successor = [{ ...stanza!, db: [{ id: 1 }, { id: 2 }], backup: [...stanza!.backup, own] }];
    expect(readBackups(successor).map(({ label }) => label)).toEqual(["E-F"]);
  });

  it("starts from the last backup before the moment", () => {
    const labels = [9, 10, 11, 21, 24, 26].map((n) => chooseBackup(second, backups, at(n))?.label);
    // A backup is complete within its last second, so its own minute is too early.
    expect(labels).toEqual([undefined, undefined, "A-F", "A-F", "A-F", "C-F"]);
    expect(chooseBackup(first, backups, at(21))?.label).toBe("B-D");
    expect(chooseBackup(second, backups, undefined)?.label).toBe("C-F");
  });

  it("finds the first WAL file that is missing on the way", () => {
    const [a, b, c] = backups;
    const wal = (timeline: number, ...segments: number[]) =>
      segments.map(
        (segment) => `0000000${timeline}0000000000${segment.toString(16).toUpperCase().padStart(6, "0")}`,
      );
    // Timeline 2 branched off at the very end of piece 8, so it begins with piece 9.
    const whole = [...wal(1, 3, 4, 5, 6, 7, 8, 9), ...wal(2, 9, 10, 11, 12)];
    expect(missingWal(second, a!, whole)).toBeUndefined();
    expect(missingWal(second, c!, whole)).toBeUndefined();
    expect(missingWal(first, b!, whole)).toBeUndefined();
    const without = (name: string) => whole.filter((file) => file !== name);
    expect(missingWal(second, a!, without("000000010000000000000007"))).toBe("000000010000000000000007");
    expect(missingWal(second, a!, without("00000002000000000000000A"))).toBe("00000002000000000000000A");
    // What is before the backup, or on another timeline, is not needed.
    expect(missingWal(second, c!, without("00000002000000000000000A"))).toBeUndefined();
    expect(missingWal(second, a!, without("000000010000000000000004"))).toBeUndefined();
    expect(missingWal(second, a!, without("000000010000000000000009"))).toBeUndefined();
    expect(missingWal(second, a!, without("000000020000000000000009"))).toBe("000000020000000000000009");
    // A timeline that has just begun has nothing of its own yet.
    expect(missingWal(second, a!, wal(1, 5, 6, 7, 8, 9))).toBeUndefined();
    // Branched off within piece 8: both have one, and timeline 2's is needed.
    const within = readTimeline(2, "1\t0/800C4A8\tbefore\n");
    expect(missingWal(within, a!, [...wal(1, 5, 6, 7, 8), ...wal(2, 8, 9)])).toBeUndefined();
    expect(missingWal(within, a!, [...wal(1, 5, 6, 7, 8), ...wal(2, 9)])).toBe("000000020000000000000008");
    expect(missingWal(first, a!, [])).toBeUndefined();
  });

  it("counts beyond 4 GiB and 256 files", () => {
    expect(parseLsn("16/B374D848")).toBe(0x16b374d848n);
    const late = { ...backups[0]!, firstWal: "0000000100000016000000FE" };
    const files = ["0000000100000016000000FE", "0000000100000016000000FF", "000000010000001700000001"];
    expect(missingWal(first, late, files)).toBe("000000010000001700000000");
    expect(missingWal(first, late, [...files, "000000010000001700000000"])).toBeUndefined();
    expect(() => parseLsn("16B374D848")).toThrow(RangeError);
  });

  it("is empty without a repository", () => {
    expect(readBackups([])).toEqual([]);
    expect(chooseBackup(first, [], undefined)).toBeUndefined();
  });
});
