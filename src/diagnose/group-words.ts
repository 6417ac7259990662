import type { GroupActivity } from "./group-report.js";

// What findings about groups have in common.

export const theRelease =
  "A release that does not start: `./dukaan rollback`, or a corrected one with `./dukaan up`.";

export const isLaunch = ({ what }: GroupActivity) => what.startsWith("Launching");

export const timeOf = ({ began, ended }: GroupActivity) => ended ?? began;

export function clock(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** Of a machine that runs `--latest` has more; of one that is gone AWS keeps what it has without. */
export function consoleOf(region: string, id: string): string {
  return `aws ec2 get-console-output --region ${region} --output text --instance-id ${id}`;
}
