/** Where shops keep their days. India has one time zone and no summer time. */
export const TIME_ZONE = "Asia/Kolkata";

const moment = new Intl.DateTimeFormat("en-IN", {
  dateStyle: "medium",
  timeStyle: "short",
  timeZone: TIME_ZONE,
});
const date = new Intl.DateTimeFormat("en-CA", { timeZone: TIME_ZONE });
const day = new Intl.DateTimeFormat("en-IN", { day: "numeric", month: "short", timeZone: "UTC" });

/** A moment in Indian time, for people: `21 Nov 2026, 5:04 pm`. */
export function formatTime(time: Date): string {
  return moment.format(time);
}

/** The Indian day of a moment: `2026-11-21`. */
export function indianDay(time: Date): string {
  return date.format(time);
}

/** A day such as `2026-11-21`, for people: `21 Nov`. */
export function formatDay(isoDay: string): string {
  return day.format(new Date(`${isoDay}T00:00:00Z`));
}
