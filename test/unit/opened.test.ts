import { expect, test } from "vitest";
import { type Opened, openedText } from "../../src/cli/opened.js";

const opened: Opened = {
  url: "https://203.0.113.10",
  stage: "fleet",
  release: "5b5318dc24b7",
  held: undefined,
  ca: undefined,
  changes: {},
  mended: [],
  backupWarning: undefined,
  groupWarnings: [],
  seconds: 12.34,
};

test("a shop that is well is open, and no more is said of it", () => {
  const text = openedText(opened);
  expect(text).toContain(
    "Your shop is open: https://203.0.113.10   (stage fleet, 12.3 s)\n\n  ./dukaan seed",
  );
});

test("all that is wrong is said, each for itself", () => {
  const warnings = {
    backupWarning: "backups are paused",
    groupWarnings: ["app-group: it is gone.", "second-group: it is short."],
  };
  const attention = openedText({ ...opened, ...warnings }).match(/^ATTENTION: .*$/gm);
  expect(attention).toEqual([
    "ATTENTION: backups are paused",
    "ATTENTION: app-group: it is gone.",
    "ATTENTION: second-group: it is short.",
  ]);
});

test("a release that is held, and an authority of the stack's own, are said", () => {
  const text = openedText({ ...opened, held: "a digest", ca: "/home/asha/ca.pem" });
  expect(text).toMatch(
    /stays at release 5b5318dc24b7 .*--release latest\n.*authority: \/home\/asha\/ca.pem\n/,
  );
});
