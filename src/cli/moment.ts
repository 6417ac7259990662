import { CliError, ExitCode } from "./errors.js";

/**
 * A moment in the past, as ISO 8601 with its zone: "2026-01-31T12:00:00Z", "2026-01-31T17:30+05:30". Milliseconds count.
 * @throws CliError (usage)
 */
export function parseMoment(option: string, text: string, now: Date): Date {
  const [, day, zone] =
    /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?$/.exec(text) ?? [];
  const example = now.toISOString().slice(0, 19);
  const moment = new Date(text);
  if (day === undefined || Number.isNaN(moment.getTime()) || !exists(day)) {
    throw new CliError(
      `${option} is "${text}", not a moment`,
      `Give it in ISO 8601, e.g. ${example}Z.`,
      ExitCode.usage,
    );
  }
  if (zone === undefined) {
    throw new CliError(
      `${option} is "${text}", without a time zone`,
      `Add Z for UTC, or an offset, e.g. ${example}Z or ${example}+05:30.`,
      ExitCode.usage,
    );
  }
  if (moment > now) {
    throw new CliError(
      `${option} is ${moment.toISOString()}, in the future`,
      `It is ${now.toISOString()} now. For all that was backed up: --latest.`,
      ExitCode.usage,
    );
  }
  return moment;
}

/** The 30th of February would silently be the 2nd of March. */
function exists(day: string): boolean {
  const midnight = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(day);
}
