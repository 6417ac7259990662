/** What Auto Scaling said of a group of machines, and their load balancer. Nothing is judged yet. Times are seconds since 1970. */
export interface GroupReport {
  /** Its name at AWS, e.g. "dukaan-prod-app-group". */
  name: string;
  /** e.g. "us-east-1" */
  region: string;
  least: number;
  most: number;
  /** How many there are to be now: between those AWS decides, by the load. */
  desired: number;
  /** The launch template's version that new machines get. */
  version: string;
  instances: GroupInstance[];
  /** What AWS does not do for it at present, e.g. "Launch". */
  suspended: { process: string; reason: string }[];
  /** What AWS has done lately, latest first. */
  activities: GroupActivity[];
  /** The latest instance refresh; absent: there was none in the last six weeks. */
  refresh?: GroupRefresh;
  /** What the load balancer says of the group's machines and of the app servers beside it, or why that is not known. */
  balancer: { targets: GroupTarget[] } | { notReached: string };
}

export interface GroupInstance {
  id: string;
  /** e.g. "Pending:Wait" while it boots, "InService" */
  state: string;
  healthy: boolean;
  /** Of the launch template, by which it was made. */
  version: string;
}

/** A machine to which a load balancer may send requests. */
export interface GroupTarget {
  id: string;
  /** "healthy", "unhealthy", "initial", "draining", "unused", … */
  state: string;
  /** e.g. "Target.ResponseCodeMismatch"; empty of one that is healthy. */
  reason: string;
  /** e.g. "Health checks failed with these codes: [503]"; may be empty. */
  description: string;
}

export interface GroupActivity {
  /** e.g. "Launching a new EC2 instance: i-0123456789abcdef0" */
  what: string;
  /** e.g. "At 2026-11-22T02:10:00Z a user request … changing the desired capacity from 1 to 2." */
  cause: string;
  /** e.g. "InProgress", "Successful", "Failed", "Cancelled" */
  status: string;
  /** Why it failed; else empty. */
  reason: string;
  began: number;
  /** Absent while it goes on. */
  ended?: number;
}

export interface GroupRefresh {
  id: string;
  /** e.g. "InProgress", "Baking", "Successful", "RollbackSuccessful" */
  status: string;
  percent: number;
  /** What AWS says to its state; may be empty. */
  reason: string;
}
