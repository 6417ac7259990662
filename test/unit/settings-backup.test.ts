import { describe, expect, it } from "vitest";
import { parseBackup } from "../../src/settings/backup.js";
import { withEnvironment } from "../../src/settings/environment.js";
import { describeProblems, parseSettings } from "../../src/settings/parse.js";

const bucket = { endpoint: "https://fsn1.your-objectstorage.com", region: "fsn1", bucket: "shop-backups" };
const keys = { accessKey: "SENTINEL-ACCESS", secretKey: "SENTINEL-SECRET" };
const real = { stack: "prod", local: false };

describe("dukaan:backup", () => {
  it("fills in the schedule, the retention and a folder of the stack's own", () => {
    expect(parseBackup({ ...bucket, ...keys }, real)).toEqual({
      backup: {
        ...bucket,
        ...keys,
        path: "/prod",
        fullSchedule: "Sun 02:00 UTC",
        differentialSchedule: "Mon..Sat 02:00 UTC",
        keepFull: 4,
      },
      problems: [],
    });
  });

  it("reads what Pulumi hands over as text", () => {
    const text = JSON.stringify({ ...bucket, ...keys, keepFull: 2, fullSchedule: "daily" });
    expect(parseBackup(text, real).backup).toMatchObject({ keepFull: 2, fullSchedule: "daily" });
  });

  it("wants a decision on a real cloud, and none on the local one", () => {
    expect(parseBackup(undefined, real).problems).toEqual([
      {
        path: "dukaan:backup",
        reason: expect.stringContaining("one disk alone"),
        remedy: expect.stringContaining('"none"'),
      },
    ]);
    expect(parseBackup("none", real)).toEqual({ problems: [] });
    expect(parseBackup(undefined, { stack: "lab", local: true })).toEqual({ problems: [] });
  });

  it("names every part that is wrong, and never shows a key", () => {
    const wrong = {
      ...bucket,
      endpoint: "fsn1.your-objectstorage.com",
      bucket: "Shop_Backups",
      accessKey: "SENTINEL with spaces",
      keepFull: 0,
      passphrase: "SENTINEL",
      retention: 3,
    };
    const { problems = [] } = parseSettings("prod", {
      "hcloud:token": "t".repeat(64),
      "dukaan:operatorCidrs": ["198.51.100.7/32"],
      "dukaan:images": "none",
      "dukaan:sms": "log",
      "dukaan:backup": wrong,
    });
    expect(problems.map(({ path }) => path).toSorted()).toEqual([
      "dukaan:backup.accessKey",
      "dukaan:backup.bucket",
      "dukaan:backup.endpoint",
      "dukaan:backup.keepFull",
      "dukaan:backup.passphrase",
      "dukaan:backup.retention",
      "dukaan:backup.secretKey",
    ]);
    const told = describeProblems("prod", problems);
    expect(told).not.toContain("SENTINEL");
    expect(told).toContain("DUKAAN_BACKUP_SECRET_KEY");
    expect(told).toContain('"Shop_Backups"');
  });

  it("takes keys from the environment unless the configuration has them", () => {
    const variables = {
      DUKAAN_BACKUP_ACCESS_KEY: keys.accessKey,
      DUKAAN_BACKUP_SECRET_KEY: keys.secretKey,
      HCLOUD_TOKEN: "",
    };
    const inYaml = { ...bucket, accessKey: "CONFIGURED" };
    for (const given of [inYaml, JSON.stringify(inYaml)]) {
      const merged = withEnvironment({ "dukaan:backup": given, "hcloud:token": "t" }, variables);
      const backup = { ...inYaml, secretKey: keys.secretKey };
      expect(merged).toEqual({ "dukaan:backup": backup, "hcloud:token": "t" });
    }
    expect(withEnvironment({ "dukaan:backup": "none" }, variables)).toEqual({ "dukaan:backup": "none" });
    expect(withEnvironment({}, variables)).toEqual({});
    expect(withEnvironment({ "dukaan:backup": bucket }, { DUKAAN_BACKUP_ACCESS_KEY: "" })).toEqual({
      "dukaan:backup": bucket,
    });
  });

  it("takes it that keys are right which are encrypted in the file", () => {
    const secure = { secure: "v1:abc" };
    expect(parseBackup({ ...bucket, accessKey: secure, secretKey: secure }, real).problems).toEqual([]);
  });
});
