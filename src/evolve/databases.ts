/** What a machine's database is; what `/usr/local/lib/dukaan/database status` prints. */
export type DatabaseStatus = Nothing | Stopped | Fenced | ReadOnly | Reserved | Running;

export interface Nothing {
  /** No database; or what there is of a copy that was cut off while it was made. */
  state: "none" | "unfinished";
}

export interface Stopped {
  /** It does not run although it may, or does not answer yet. */
  state: "stopped";
  /** PostgreSQL is there and does not answer yet: it recovers after a crash, or is on its way down. */
  starting: boolean;
  /** It is a standby, or was one when it ran. */
  standby: boolean;
  asked: boolean;
}

export interface Fenced {
  /** It does not start again. */
  state: "fenced";
  /** The run that ended it. */
  by: string;
  /** It has ended with everything on the disk, at the position `ended`. */
  clean: boolean;
  ended: string;
  timeline: number;
  /** Identifies the database through all copies of it. */
  system: string;
}

/** By the book: the old database while it is copied; it answers reads, and accepts no write also after a reboot. */
export interface ReadOnly {
  state: "read-only";
  /** The run that made it so. */
  by: string;
  system: string;
}

/** By the book: the new database, which lets the shop in only when it holds a copy. */
export interface Reserved {
  state: "reserved";
  /** The run that has made sure that it holds everything. */
  accepted: string | null;
  /** Of which database the copy is that was accepted; absent: one that an earlier version accepted does not say. */
  system?: string;
}

export interface Running {
  state: "primary" | "standby";
  system: string;
  timeline: number;
  /** A standby that receives. */
  streaming: boolean;
  /** A standby that was asked to take over, and may do so at any time. */
  asked: boolean;
  /** Of a standby: up to where it has received WAL; of a primary: up to where it has written. E.g. "0/3000148". */
  position: string;
  /** Of a standby: when the last transaction that it has was committed, ISO 8601; null when it has replayed none. */
  lastCommit: string | null;
  /** Of a standby that receives, or does not know yet that nobody sends any more: when it last heard, and of what. */
  heard: { at: string; behind: number } | null;
  /** The oldest WAL file it still has, e.g. "000000010000000000000003". */
  oldest: string;
}

/** What comes next in the move of a database; see {@link nextStep}. */
export type NextStep =
  /** Hold queries back, end the old one, let the other take over. */
  | { go: "switch" }
  /** An earlier run ended the old one: the other takes over. */
  | { go: "take over"; old: Fenced }
  /** The other one has taken over: lead the pools there. */
  | { go: "lead" }
  /** An earlier run was cut off while it ended the old one: that one comes back first. */
  | { go: "put back"; old: Fenced }
  /** A database that should run does not. */
  | { go: "start"; which: "source" | "target" }
  /** The standby does not receive at the moment; it may yet. */
  | { go: "wait" }
  /** The standby can never follow again: it has to be copied once more. */
  | { go: "copy anew"; why: string }
  /** Nothing that a run may do by itself. */
  | { go: "refuse"; why: string };

/**
 * Decides from what both databases are now what comes next. Whatever run was cut off wherever: this is how another one
 * goes on. The table of docs/runbooks/evolve.md is the same for people.
 */
export function nextStep(old: DatabaseStatus, next: DatabaseStatus): NextStep {
  if (next.state === "stopped" && next.standby) return { go: "start", which: "target" };
  if (old.state === "fenced") {
    if (next.state === "primary" && next.asked) return { go: "lead" };
    if (next.state !== "standby") return refusal(old, next);
    if (next.asked || (old.clean && old.timeline === next.timeline && old.system === next.system))
      return { go: "take over", old };
    return { go: "put back", old };
  }
  if (old.state === "stopped" && !old.standby && next.state === "standby" && !next.asked)
    return { go: "start", which: "source" };
  if (old.state === "primary" && next.state === "unfinished")
    return { go: "copy anew", why: "its copy was cut off while it was made" };
  if (old.state !== "primary" || next.state !== "standby" || next.asked) return refusal(old, next);
  if (old.system !== next.system) return { go: "copy anew", why: "it is a copy of another database" };
  if (next.streaming && old.timeline === next.timeline) return { go: "switch" };
  if (next.timeline > old.timeline)
    return { go: "copy anew", why: `it is on timeline ${next.timeline}, the other on ${old.timeline}` };
  if (segmentAt(next.position) < segmentNumber(old.oldest))
    return { go: "copy anew", why: "the WAL that it lacks is no longer there" };
  return { go: "wait" };
}

/** What comes next in a move by the book; see {@link nextByBook}. */
export type NextByBook =
  /** Copy it and end the old one; `accepted` names a run that has copied it already. */
  | { go: "carry"; old: Running | ReadOnly; accepted?: string }
  /** An earlier run ended the old one: open the copy. */
  | { go: "open" }
  /** Nothing that a run may do by itself. */
  | { go: "refuse"; why: string };

/** Decides like {@link nextStep}, for a move by the book. */
export function nextByBook(old: DatabaseStatus, next: DatabaseStatus): NextByBook {
  if (old.state === "fenced") {
    const copied = next.state === "reserved" && next.accepted !== null;
    if (copied || (next.state === "primary" && next.asked)) return { go: "open" };
  }
  if (next.state === "reserved" && old.state === "primary") return { go: "carry", old };
  if (next.state === "reserved" && old.state === "read-only")
    return { go: "carry", old, ...(next.accepted === old.by && { accepted: old.by }) };
  return { go: "refuse", why: `the old database is ${old.state}, the new one is ${next.state}` };
}

/** A fence that the other database's state does not agree with, or two that both accept writes. */
function refusal(old: DatabaseStatus, next: DatabaseStatus): NextStep {
  const asked = "asked" in next && next.asked ? " that was asked to take over" : "";
  return { go: "refuse", why: `the old database is ${old.state}, the new one is ${next.state}${asked}` };
}

/** PostgreSQL's WAL files have 16 MiB; the 64 bits of a position are written as two halves. */
function segmentAt(position: string): number {
  const [high = "", low = ""] = position.split("/");
  return Number.parseInt(high, 16) * 256 + Math.floor(Number.parseInt(low, 16) / (16 * 1024 * 1024));
}

/** Without its timeline, the first 8 digits. */
function segmentNumber(file: string): number {
  return Number.parseInt(file.slice(8, 16), 16) * 256 + Number.parseInt(file.slice(16, 24), 16);
}
