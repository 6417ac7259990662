/**
 * What can be restored, from what pgBackRest says. Pure.
 *
 * PostgreSQL's history is a tree: each restore begins a new timeline where the recovery stopped. A backup leads to a
 * moment on a timeline only if it was made on it, or on one of its parents before it branched off.
 */

/** A position in the WAL; PostgreSQL writes it as two hexadecimal numbers, "16/B374D848". */
export type Lsn = bigint;

export interface Backup {
  /** pgBackRest's name of it, e.g. "20260131-020000F". */
  label: string;
  type: "full" | "diff" | "incr";
  start: Date;
  /** From here on states can be restored. */
  stop: Date;
  timeline: number;
  /** The WAL file that a recovery from it begins with. */
  firstWal: string;
  stopLsn: Lsn;
  /** Of the database, as it needs them on a disk. */
  databaseBytes: number;
  /** What it takes in the storage, with what it is based on. */
  repositoryBytes: number;
}

export interface Timeline {
  id: number;
  /** Those it goes back to, oldest first, and where each was left. */
  parents: { timeline: number; end: Lsn }[];
}

/** The parts of `pgbackrest info --output=json` that are read here. */
export type PgBackRestInfo = readonly {
  name: string;
  status: { code: number; message: string };
  db: readonly { id: number }[];
  backup: readonly {
    label: string;
    type: Backup["type"];
    error: boolean | null;
    timestamp: { start: number; stop: number };
    archive: { start: string | null; stop: string | null };
    database: { id: number };
    lsn?: { start: string; stop: string };
    info: { size: number; repository: { size: number } };
  }[];
}[];

/** PostgreSQL writes its WAL in pieces of 16 MiB, a file each. */
const SEGMENT_BYTES = 16n * 1024n * 1024n;

/**
 * The backups, oldest first; those with damaged pages are left out, and those of a database that this one is a dump of:
 * their timelines have nothing to do with its own.
 */
export function readBackups(info: PgBackRestInfo): Backup[] {
  const [stanza] = info;
  const newest = Math.max(0, ...(stanza?.db ?? []).map(({ id }) => id));
  return (stanza?.backup ?? []).flatMap((backup): Backup[] => {
    if (backup.database.id !== newest) return [];
    const { label, type, error, timestamp, archive, lsn, info: sizes } = backup;
    if (error === true || archive.start === null || archive.stop === null || lsn === undefined) return [];
    return [
      {
        label,
        type,
        start: new Date(timestamp.start * 1000),
        // It is given in whole seconds; what was written in the rest of this one may not be in it.
        stop: new Date((timestamp.stop + 1) * 1000),
        timeline: timelineOf(archive.stop),
        firstWal: archive.start,
        stopLsn: parseLsn(lsn.stop),
        databaseBytes: sizes.size,
        repositoryBytes: sizes.repository.size,
      },
    ];
  });
}

/**
 * @param text of a timeline's history file: a line for each parent, "timeline \t LSN \t reason"; empty for the first one
 */
export function readTimeline(id: number, text: string): Timeline {
  const parents = text.split("\n").flatMap((line) => {
    const [, timeline, end] = /^(\d+)\t([0-9A-F]+\/[0-9A-F]+)\t/i.exec(line) ?? [];
    return timeline === undefined || end === undefined
      ? []
      : [{ timeline: Number(timeline), end: parseLsn(end) }];
  });
  return { id, parents };
}

/** The backups that lead to states of a timeline. */
export function backupsOf(timeline: Timeline, backups: readonly Backup[]): Backup[] {
  return backups.filter(
    (backup) =>
      backup.timeline === timeline.id ||
      timeline.parents.some((parent) => parent.timeline === backup.timeline && backup.stopLsn <= parent.end),
  );
}

/**
 * The backup to start from: the last one before that moment.
 * @param at `undefined`: as late as possible
 */
export function chooseBackup(
  timeline: Timeline,
  backups: readonly Backup[],
  at: Date | undefined,
): Backup | undefined {
  return backupsOf(timeline, backups).findLast(({ stop }) => at === undefined || stop <= at);
}

/**
 * The first WAL file that is missing between a backup and the last one that was archived; a recovery would end there.
 * @param archived names of all WAL files in the repository
 */
export function missingWal(
  timeline: Timeline,
  backup: Backup,
  archived: readonly string[],
): string | undefined {
  const present = new Set(archived);
  // A timeline begins with its own copy of the piece in which its parent was left.
  const ends = timeline.parents.map(({ end }) => end / SEGMENT_BYTES);
  const ids = [...timeline.parents.map((parent) => parent.timeline), timeline.id];
  const fileAt = (segment: bigint) =>
    walFile(ids[ends.findLastIndex((begin) => begin <= segment) + 1] ?? timeline.id, segment);
  const own = archived.filter((name) => timelineOf(name) === timeline.id).map(segmentOf);
  const last = own.reduce((a, b) => (a > b ? a : b), (ends.at(-1) ?? 0n) - 1n);
  for (let segment = segmentOf(backup.firstWal); segment <= last; segment++) {
    const name = fileAt(segment);
    if (!present.has(name)) return name;
  }
  return undefined;
}

/** @throws RangeError when it is none */
export function parseLsn(text: string): Lsn {
  const [, high, low] = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text) ?? [];
  if (high === undefined || low === undefined) throw new RangeError(`"${text}" is no position in the WAL`);
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

/** The timeline of a WAL file or of a history file. */
export function timelineOf(fileName: string): number {
  return Number.parseInt(fileName.slice(0, 8), 16);
}

/** A file's name: 8 digits of the timeline, 8 of the position's upper half, 8 of the 16 MiB piece within that. */
function segmentOf(file: string): bigint {
  return BigInt(`0x${file.slice(8, 16)}`) * 256n + BigInt(`0x${file.slice(16, 24)}`);
}

function walFile(timeline: number, segment: bigint): string {
  return [BigInt(timeline), segment / 256n, segment % 256n]
    .map((part) => part.toString(16).toUpperCase().padStart(8, "0"))
    .join("");
}
