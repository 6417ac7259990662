import { type Found, percent } from "./finding.js";
import type { MachineReport } from "./report.js";

/** What buyers notice: failed and slow requests, and what was logged about them. Symptoms, told after causes. */
export function judgeRequests(report: MachineReport): Found[] {
  return [...refused(report), ...failing(report), ...slow(report), ...eventLoop(report), ...logged(report)];
}

function failing({ requests, app, appErrors }: MachineReport): Found[] {
  const { count, errors, seconds, byStatus } = requests;
  const rate = count === 0 ? 0 : errors / count;
  const found: Found[] = [];
  if (errors >= 5 && rate >= 0.005) {
    found.push({
      severity: rate >= 0.05 ? "critical" : "warning",
      code: "requests-failing",
      what: "Requests fail.",
      evidence: [
        `${errors} of ${count} (${percent(rate)}) in the last ${seconds} s: ${byStatus}`,
        ...appErrors.map(({ count: times, message }) => `the app, ${times} times: ${message}`),
      ],
      remedy: [
        "502: the app is down. 503: its database is, or it waits too long. 504: the app is too slow. Cure what stands above this.",
        "Since a deployment: `./dukaan rollback`.",
        "`./dukaan ssh -- journalctl --unit 'dukaan-api@*' --lines 50` has each failed request with its reason.",
      ],
    });
  }
  if (app === "silent") {
    found.push({
      severity: "critical",
      code: "event-loop-blocked",
      what: "The app does not answer on its own socket.",
      evidence: ["no answer to /metrics within 2 s"],
      remedy: [
        "If the processor is saturated, cure that first.",
        "`./dukaan ssh -- systemctl restart 'dukaan-api@*'`; if it comes again, `./dukaan rollback`.",
      ],
    });
  }
  return found;
}

function refused({ app }: MachineReport): Found[] {
  if (typeof app !== "object") return [];
  const reasons = Object.entries(app.refusedPerSecond);
  const total = reasons.reduce((sum, [, rate]) => sum + rate, 0);
  if (total === 0) return [];
  return [
    {
      severity: "critical",
      code: "requests-refused",
      what: "The app refuses visitors (503) to stay able to serve the others.",
      evidence: [
        `${Math.round(total)} a second refused, ${Math.round(app.requestsPerSecond)} served`,
        ...reasons.map(([shortage, rate]) =>
          shortage === "database"
            ? `${Math.round(rate)} because too many wait for a database connection`
            : `${Math.round(rate)} because the event loop is late`,
        ),
      ],
      remedy: [
        "For want of connections: cure slow or blocked queries first.",
        "Switch off what costs much: `./dukaan flag list`, then `./dukaan flag on analytics_off`.",
        "More visitors than this machine can serve: a larger `dukaan:serverType`, then `./dukaan up`.",
      ],
    },
  ];
}

function slow({ requests: { count, p95Seconds, seconds } }: MachineReport): Found[] {
  if (count < 20 || p95Seconds < 1) return [];
  return [
    {
      severity: p95Seconds >= 2.5 ? "critical" : "warning",
      code: "requests-slow",
      what: "Requests are slow.",
      evidence: [`one in twenty took ${p95Seconds} s or more, of ${count} in the last ${seconds} s`],
      remedy: ["A symptom: cure what stands above this; else look for slow queries."],
    },
  ];
}

function eventLoop({ app }: MachineReport): Found[] {
  if (typeof app !== "object") return [];
  const { eventLoopLagSeconds, poolWaiting } = app;
  const found: Found[] = [];
  if (eventLoopLagSeconds >= 0.25) {
    found.push({
      severity: eventLoopLagSeconds >= 1 ? "critical" : "warning",
      code: "event-loop-blocked",
      what: "The app's event loop is late: requests wait for its processor time.",
      evidence: [`${Math.round(eventLoopLagSeconds * 1000)} ms (99th percentile)`],
      remedy: [
        "With a saturated processor a consequence: cure that.",
        "Else the app computes too long in one piece, since the last release perhaps: `./dukaan rollback`.",
      ],
    });
  }
  if (poolWaiting >= 10) {
    found.push({
      severity: "warning",
      code: "pool-waiting",
      what: "Requests wait in the app for a database connection.",
      evidence: [`${poolWaiting} waiting`],
      remedy: ["A consequence of slow or blocked queries: cure those."],
    });
  }
  return found;
}

function logged({ errors, requests }: MachineReport): Found[] {
  if (errors.length === 0) return [];
  const unique = [
    ...new Set(errors.map((line) => line.replace(/^\w+ +\d+ [\d:]+ \S+ /, "").replaceAll(/\d+/g, "…"))),
  ];
  return [
    {
      severity: "notice",
      code: "errors-logged",
      what: "Errors were logged.",
      evidence: [
        `${errors.length}, ${unique.length} different${requests.count > 0 ? "" : ", with no request served"}`,
        ...errors.slice(-3),
      ],
      remedy: ["`./dukaan ssh -- journalctl --priority err --lines 50` shows all of them."],
    },
  ];
}
