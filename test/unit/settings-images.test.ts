import { describe, expect, it } from "vitest";
import { withEnvironment } from "../../src/settings/environment.js";
import { parseImages } from "../../src/settings/images.js";

const bucket = { endpoint: "https://fsn1.your-objectstorage.com", region: "fsn1", bucket: "shop-images" };
const keys = { accessKey: "SENTINEL-ACCESS", secretKey: "SENTINEL-SECRET" };
const backup = { ...bucket, bucket: "shop-backups" };

describe("dukaan:images", () => {
  it("takes a bucket, also as the text that Pulumi hands over", () => {
    for (const given of [{ ...bucket, ...keys }, JSON.stringify({ ...bucket, ...keys })])
      expect(parseImages(given, { local: false, backup })).toEqual({
        images: { ...bucket, ...keys },
        problems: [],
      });
  });

  it("wants a decision on a real cloud, and none on the local one", () => {
    const { problems } = parseImages(undefined, { local: false, backup });
    expect(problems).toEqual([
      {
        path: "dukaan:images",
        reason: expect.stringContaining("pictures of what they sell"),
        remedy: expect.stringContaining('"none"'),
      },
    ]);
    expect(parseImages("none", { local: false, backup })).toEqual({ problems: [] });
    expect(parseImages(undefined, { local: true, backup })).toEqual({ problems: [] });
  });

  it("names every part that is wrong, and never shows a key", () => {
    const wrong = { endpoint: "http://x", bucket: "Shop", accessKey: "SENTINEL with spaces", path: "/x" };
    const { problems } = parseImages(wrong, { local: false, backup });
    expect(problems.map(({ path }) => path).toSorted()).toEqual([
      "dukaan:images.accessKey",
      "dukaan:images.bucket",
      "dukaan:images.endpoint",
      "dukaan:images.path",
      "dukaan:images.region",
      "dukaan:images.secretKey",
    ]);
    expect(JSON.stringify(problems)).not.toContain("SENTINEL");
    expect(JSON.stringify(problems)).toContain("DUKAAN_IMAGES_SECRET_KEY");
  });

  it("refuses the bucket of the backups", () => {
    const { images, problems } = parseImages({ ...backup, ...keys }, { local: false, backup });
    expect(images).toBeUndefined();
    expect(problems).toMatchObject([
      { path: "dukaan:images.bucket", reason: expect.stringContaining("backups") },
    ]);
  });

  it("takes keys from the environment", () => {
    const variables = { DUKAAN_IMAGES_ACCESS_KEY: keys.accessKey, DUKAAN_IMAGES_SECRET_KEY: keys.secretKey };
    expect(withEnvironment({ "dukaan:images": bucket }, variables)).toEqual({
      "dukaan:images": { ...bucket, ...keys },
    });
  });
});
