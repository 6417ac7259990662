/** The ways of losing an app server that `drill app-loss` goes through, in this order. */
export const losses = ["killed", "frozen", "network", "disk", "errors", "slow"] as const;
export type Loss = (typeof losses)[number];

/** What is done to the machine. */
export const descriptions: Readonly<Record<Loss, string>> = {
  killed: "its power is cut",
  frozen: "the app is stopped in its tracks (SIGSTOP)",
  network: "its private network is cut",
  disk: "its disk is full to the last block",
  errors: "the app answers 500 to everything, and calls itself ready",
  slow: "the app runs for a fiftieth of a second every two seconds",
};

/** Whether visitors can do without a machine that has lost this: then it may well stay in rotation. */
export function mayStay(loss: Loss): boolean {
  // Nothing that a visitor asks for is written to an app server's disk.
  return loss === "disk";
}

/** @throws RangeError that names what is not known */
export function parseLosses(text: string): Loss[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.filter((name) => !losses.some((loss) => loss === name));
  if (unknown.length > 0) throw new RangeError(unknown.map((name) => `"${name}"`).join(", "));
  return losses.filter((loss) => names.includes(loss));
}
