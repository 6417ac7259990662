import { describe, expect, it } from "vitest";
import { createAuthority } from "../../providers/dukaan/x509.js";
import { judge } from "../../src/diagnose/judge.js";
import { parseReport } from "../../src/diagnose/parse.js";
import type { MachineCertificate, MachineReport } from "../../src/diagnose/report.js";

const now = 1_800_000_000;

/** PEM of a certificate with so much of its life left. */
async function certificateOf(lifetimeDays: number, leftDays: number): Promise<string> {
  const issuedAt = (now + (leftDays - lifetimeDays) * 86_400) * 1000;
  const request = { commonName: "shop", validityDays: lifetimeDays, now: issuedAt };
  return (await createAuthority(request)).certificate;
}

/** What is said of certificates on a machine of which nothing else is known. */
function found({ certificates }: Pick<MachineReport, "certificates">) {
  const report = { ...parseReport("@@ end"), certificates };
  return judge(report, { machine: "app-1", clockOffsetSeconds: 0, now }).filter(({ code }) =>
    code.startsWith("certificate"),
  );
}

describe("a certificate", () => {
  const judged = async (lifetimeDays: number, leftDays: number, by: MachineCertificate["by"] = "stack") =>
    found({
      certificates: [
        { file: "/etc/nginx/tls/server.pem", pem: await certificateOf(lifetimeDays, leftDays), by },
      ],
    }).map(({ code, severity }) => `${severity} ${code}`);

  it("two weeks before its end, or with a quarter of a shorter life left", async () => {
    expect(await judged(90, 16)).toEqual([]);
    expect(await judged(90, 13)).toEqual(["warning certificate-expires"]);
    expect(await judged(90, 2)).toEqual(["critical certificate-expires"]);
    expect(await judged(90, -1)).toEqual(["critical certificate-expires"]);
    expect(await judged(90, 15, "acme")).toEqual([]);
    expect(await judged(90, 13, "acme")).toEqual(["warning certificate-expires"]);
    expect(await judged(6, 2, "acme")).toEqual([]);
    expect(await judged(6, 1.4, "acme")).toEqual(["warning certificate-expires"]);
    expect(await judged(6, 0.5, "acme")).toEqual(["critical certificate-expires"]);
  });

  it("says where to look for one that an ACME authority signs", async () => {
    const certificate = { file: "/etc/nginx/tls/server.pem", pem: await certificateOf(90, 5) };
    const remedy = (by: MachineCertificate["by"]) =>
      found({ certificates: [{ ...certificate, by }] })[0]?.remedy.join();
    expect(remedy("acme")).toContain("dukaan-certificate");
    expect(remedy("stack")).toContain("./dukaan up");
  });

  it("two months before its end where only up renews it", async () => {
    expect(await judged(397, 61)).toEqual([]);
    expect(await judged(397, 59)).toEqual(["warning certificate-expires"]);
  });

  it("whichever of a machine's files it is in", async () => {
    const [good, bad] = [await certificateOf(397, 300), await certificateOf(397, 20)];
    const certificates = [
      { file: "/var/lib/dukaan/certificate/current/chain.pem", pem: good, by: "acme" as const },
      { file: "/etc/nginx/tls/balanced.pem", pem: bad, by: "stack" as const },
    ];
    expect(found({ certificates }).map(({ code, evidence }) => [code, evidence.join()])).toEqual([
      ["certificate-expires", "/etc/nginx/tls/balanced.pem: 20.0 days left"],
    ]);
  });

  it("that stands in for one", async () => {
    expect(await judged(397, 300, "stand-in")).toEqual(["warning certificate-unknown"]);
    expect(await judged(397, 300)).toEqual([]);
  });
});
