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
  stopLsn: Lsn;
  /** Of the database, as it needs them on a disk. */
  databaseBytes: number;
  /** What it takes in the storage, with what it is based on. */
  repositoryBytes: number;
}

export interface Repository {
  /** Oldest first; those with damaged pages are left out. */
  backups: Backup[];
  /** Name of the last WAL file, 24 hexadecimal digits: timeline, then position. */
  newestWal?: string;
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
  archive: readonly { max: string | null }[];
  backup: readonly {
    label: string;
    type: Backup["type"];
    error: boolean | null;
    timestamp: { start: number; stop: number };
    archive: { start: string | null; stop: string | null };
    lsn?: { start: string; stop: string };
    info: { size: number; repository: { size: number } };
  }[];
}[];

/** PostgreSQL's WAL files are 16 MiB. */
const SEGMENT_BYTES = 16n * 1024n * 1024n;

export function readRepository(info: PgBackRestInfo): Repository {
  const [stanza] = info;
  const newestWal = stanza?.archive.at(-1)?.max ?? undefined;
  const backups = (stanza?.backup ?? []).flatMap((backup): Backup[] => {
    const { label, type, error, timestamp, archive, lsn, info: sizes } = backup;
    if (error === true || archive.stop === null || lsn === undefined) return [];
    return [
      {
        label,
        type,
        start: new Date(timestamp.start * 1000),
        // It is given in whole seconds; what was written in the rest of this one may not be in it.
        stop: new Date((timestamp.stop + 1) * 1000),
        timeline: timelineOf(archive.stop),
        stopLsn: parseLsn(lsn.stop),
        databaseBytes: sizes.size,
        repositoryBytes: sizes.repository.size,
      },
    ];
  });
  return { backups, ...(newestWal !== undefined && { newestWal }) };
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
export function backupsOf(timeline: Timeline, { backups }: Repository): Backup[] {
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
  repository: Repository,
  at: Date | undefined,
): Backup | undefined {
  return backupsOf(timeline, repository).findLast(({ stop }) => at === undefined || stop <= at);
}

/**
 * Whether there is WAL beyond the place where a recovery ran out of it: then something in between is missing.
 * @param end where the recovery ended
 */
export function hasGapAfter(end: Lsn, timeline: number, { newestWal }: Repository): boolean {
  if (newestWal === undefined || timelineOf(newestWal) !== timeline) return false;
  // The last byte that was recovered is the one before `end`.
  return segmentOf(newestWal) > (end - 1n) / SEGMENT_BYTES;
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
function segmentOf(walFile: string): bigint {
  return BigInt(`0x${walFile.slice(8, 16)}`) * 256n + BigInt(`0x${walFile.slice(16, 24)}`);
}
