import { describe, expect, it } from "vitest";
import { withoutSecrets } from "../../src/cli/stack.js";
import { withEnvironment } from "../../src/settings/environment.js";
import { describeProblems, parseSettings } from "../../src/settings/parse.js";
import { parseSms } from "../../src/settings/sms.js";

const secret = `whsec_${Buffer.alloc(32, "SENTINEL").toString("base64")}`;
const webhook = { url: "https://sms.example.com/dukaan", secret };

describe("dukaan:sms", () => {
  it("is a webhook, as an object or as Pulumi hands it over", () => {
    expect(parseSms(webhook, { local: false })).toEqual({ sms: webhook, problems: [] });
    expect(parseSms(JSON.stringify(webhook), { local: true }).sms).toEqual(webhook);
  });

  it("wants a decision on a real cloud; on the local one codes are logged", () => {
    expect(parseSms(undefined, { local: false }).problems).toEqual([
      {
        path: "dukaan:sms",
        reason: expect.stringContaining("could not sign in"),
        remedy: expect.stringMatching(/https:.*"log"/),
      },
    ]);
    expect(parseSms("log", { local: false })).toEqual({ sms: "log", problems: [] });
    expect(parseSms(undefined, { local: true })).toEqual({ sms: "log", problems: [] });
  });

  it("names every part that is wrong, and never shows the secret", () => {
    const wrong = { url: "http://sms.example.com", secret: "SENTINEL", gateway: "x" };
    const { problems = [] } = parseSettings("prod", {
      "hcloud:token": "t".repeat(64),
      "dukaan:operatorCidrs": ["198.51.100.7/32"],
      "dukaan:backup": "none",
      "dukaan:images": "none",
      "dukaan:sms": wrong,
    });
    expect(problems.map(({ path }) => path).toSorted()).toEqual([
      "dukaan:sms.gateway",
      "dukaan:sms.secret",
      "dukaan:sms.url",
    ]);
    const told = describeProblems("prod", problems);
    expect(told).not.toContain("SENTINEL");
    expect(told).toContain("DUKAAN_SMS_WEBHOOK_SECRET");
  });

  it("takes its secret from the environment, or encrypted from the file", () => {
    const config = { "dukaan:sms": { url: webhook.url } };
    expect(withEnvironment(config, { DUKAAN_SMS_WEBHOOK_SECRET: secret })).toEqual({ "dukaan:sms": webhook });
    expect(parseSms({ url: webhook.url }, { local: false }).problems).toMatchObject([
      { path: "dukaan:sms.secret", reason: "is missing" },
    ]);
    expect(parseSms({ url: webhook.url, secret: { secure: "v1:abc" } }, { local: false }).problems).toEqual(
      [],
    );
  });

  it("of a real stack stays out of the local cloud: no test reaches a real phone", () => {
    expect(withoutSecrets({ "dukaan:sms": webhook })).toEqual({});
    const local = { "dukaan:local": true, "dukaan:sms": webhook };
    expect(withoutSecrets(local)).toEqual(local);
  });
});
