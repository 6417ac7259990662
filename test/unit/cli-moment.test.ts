import { describe, expect, it } from "vitest";
import { parseMoment } from "../../src/cli/moment.js";

const now = new Date("2026-11-21T12:00:00Z");
const parse = (text: string) => parseMoment("--at", text, now).toISOString();

describe("a moment on the command line", () => {
  it("is ISO 8601 with its zone", () => {
    expect(parse("2026-11-21T11:59:59Z")).toBe("2026-11-21T11:59:59.000Z");
    expect(parse("2026-11-21T11:59:59.123Z")).toBe("2026-11-21T11:59:59.123Z");
    expect(parse("2026-11-21T17:00+05:30")).toBe("2026-11-21T11:30:00.000Z");
    expect(parse("2024-02-29T00:00:00-08:00")).toBe("2024-02-29T08:00:00.000Z");
    expect(parse("2026-11-21T12:00:00Z")).toBe(now.toISOString());
  });

  it.each([
    ["yesterday", /not a moment/],
    ["2026-11-21", /not a moment/],
    ["2026-11-21 11:00:00Z", /not a moment/],
    ["2026-02-30T00:00:00Z", /not a moment/],
    ["2026-13-01T00:00:00Z", /not a moment/],
    ["2026-11-21T25:00:00Z", /not a moment/],
    ["2026-11-21T11:00:00+25:00", /not a moment/],
    ["2026-11-21T11:00:00", /without a time zone/],
    ["2026-11-21T12:00:01Z", /in the future/],
    ["", /not a moment/],
  ])("is not %j", (text, message) => {
    expect(() => parse(text)).toThrow(message);
  });
});
