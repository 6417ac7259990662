import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { serverCertificate } from "../../local/storage/certificate.js";
import { bootScript } from "../../src/platform/aws/boot-script.js";

const args = {
  region: "us-east-1",
  storage: "https://s3.us-east-1.amazonaws.com",
  scaling: "https://autoscaling.us-east-1.amazonaws.com",
  bucket: "dukaan-prod-releases-0a1b2c3",
  key: `boot/${"ab".repeat(32)}.tar.gz`,
  digest: "ab".repeat(32),
  group: "dukaan-prod-app-group",
  hook: "dukaan-prod-ready",
};

describe("user-data of machines that configure themselves", () => {
  test("is a script that a shell can read, and no longer than EC2 takes", async () => {
    const { authority } = await serverCertificate("Object storage of the test", "203.0.113.2");
    for (const script of [bootScript(args), bootScript({ ...args, caCertificate: authority })]) {
      expect(script).toMatch(/^#!\/bin\/sh\n/);
      expect(script).not.toContain("{{");
      expect(Buffer.byteLength(script)).toBeLessThanOrEqual(16 * 1024);
      execFileSync("sh", ["-n"], { input: script });
    }
  });

  test("says where the package is and which one it is, whom to tell, and whom to trust", () => {
    const script = bootScript({ ...args, caCertificate: "-----BEGIN-----\nabc+/=\n-----END-----\n" });
    // Its first lines, up to what is the same for all.
    const values = script.slice(script.indexOf("region="), script.indexOf("metadata="));
    const names = [
      "region",
      "storage",
      "scaling",
      "bucket",
      "package",
      "digest",
      "group",
      "hook",
      "authority",
    ];
    const echo = names.map((name) => `printf '%s|' "$${name}"`).join("\n");
    const read = execFileSync("sh", { input: `${values}\n${echo}` }).toString();
    const authority = "-----BEGIN-----\nabc+/=\n-----END-----";
    expect(read).toBe(`${[...Object.values(args), authority].join("|")}|`);
  });

  test.each<[string, Partial<typeof args & { caCertificate: string }>]>([
    ["bucket", { bucket: "a'; reboot; '" }],
    ["group", { group: "a&Action=DeleteAutoScalingGroup" }],
    ["digest", { digest: "" }],
    ["caCertificate", { caCertificate: "'; reboot" }],
  ])("takes nothing that ends a quoted word or a parameter: %s", (name, changed) => {
    expect(() => bootScript({ ...args, ...changed })).toThrow(name);
  });
});
