/** Something that is wrong on a machine, or in a group of machines that the provider starts by itself; or will be. */
export interface Finding {
  /** critical: buyers notice, or are about to. warning: look at it today. notice: look at it this week. */
  severity: "critical" | "warning" | "notice";
  code: Code;
  /** The machine's name, or the group's. */
  machine: string;
  /** One sentence. */
  what: string;
  /** What was measured. */
  evidence: string[];
  /** What to do, in order. */
  remedy: string[];
  /** Section of the runbook. */
  runbook: string;
}

/**
 * What can be found, causes before their symptoms: a full disk stops PostgreSQL, a stopped PostgreSQL makes the app
 * answer 503. Of two findings that are as severe, the one that stands first here comes first.
 */
export const codes = [
  "unreachable",
  "disk-full",
  "out-of-memory",
  "memory-low",
  "service-down",
  "group-suspended",
  "database-refuses",
  "database-blocked",
  "connections-exhausted",
  "connection-flood",
  "cpu-stolen",
  "cpu-hog",
  "cpu-saturated",
  "disk-slow",
  "long-query",
  "requests-refused",
  "pool-waiting",
  "group-all-unhealthy",
  "group-unhealthy",
  "group-activity-failed",
  "group-empty",
  "group-short",
  "group-refresh-failed",
  "event-loop-blocked",
  "requests-failing",
  "database-distant",
  "requests-slow",
  "service-restarting",
  "group-at-most",
  "files-exhausted",
  "unit-failed",
  "clock-wrong",
  "certificate-expires",
  "certificate-unknown",
  "backup-paused",
  "backup-missing",
  "archiving-fails",
  "out-of-memory-earlier",
  "slow-queries",
  "errors-logged",
  "reboot-required",
  "updates-pending",
  "not-looked-at",
  "group-not-reached",
] as const;

export type Code = (typeof codes)[number];

const severities = ["critical", "warning", "notice"] as const;

/** The most severe first; of equal ones causes before symptoms; then by machine. */
export function inOrder(findings: readonly Finding[]): Finding[] {
  return findings.toSorted(
    (a, b) =>
      severities.indexOf(a.severity) - severities.indexOf(b.severity) ||
      codes.indexOf(a.code) - codes.indexOf(b.code) ||
      a.machine.localeCompare(b.machine),
  );
}

/** Where the runbook says more. Every code has a section there; a test holds that. */
export function runbookSection(code: Code): string {
  return `docs/runbooks/droplet.md#${code}`;
}

/** What the judgement needs beside the machine's own words. */
export interface Circumstances {
  machine: string;
  /** How far the machine's clock is from this computer's, in seconds. */
  clockOffsetSeconds: number;
  /** Seconds since 1970. */
  now: number;
}

/** A finding before it is known where: every judge makes these. */
export type Found = Omit<Finding, "machine" | "runbook" | "code"> & { code: Code };

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

export function mebibytes(kib: number): string {
  return `${Math.round(kib / 1024)} MiB`;
}
