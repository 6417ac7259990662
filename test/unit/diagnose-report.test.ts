import { describe, expect, it } from "vitest";
import { parseReport } from "../../src/diagnose/parse.js";
import { collectionScript } from "../../src/diagnose/script.js";

describe("what a machine says", () => {
  const output = [
    "@@ before",
    "time\t1000000000000",
    "cpu\t100 0 100 800 0 0 0 0 0 0",
    "process\t7\tpostgres: a (b) c\tD\t100\t1000",
    "waited\t0",
    'metric\thttp_request_duration_seconds_count{method="GET",route="/",status="200"}\t100',
    "@@ system",
    "cores\t2",
    "load\t0.50 0.25 0.10 1/80 99",
    "page_size\t4096",
    "memory\tMemTotal\t524288",
    "disk\t/\t1000\t500\t10\t5",
    "web_sockets\t4\t3\t[::ffff:198.51.100.7]",
    "certificate\tacme\t/var/lib/dukaan/certificate/current/chain.pem",
    "certificate_line\t-----BEGIN CERTIFICATE-----",
    "certificate_line\tAAAA",
    "certificate\tstack\t/etc/nginx/tls/balanced.pem",
    "certificate_line\tBBBB",
    "@@ services",
    "unit\tId=nginx.service\tActiveState=active\tSubState=running\tType=forking\tResult=success\tNRestarts=2",
    "process_unit\t7\tpostgresql@15-main.service",
    "@@ database",
    "postgresql",
    'psql: error: connection to server on socket "/run/postgresql/.s.PGSQL.5432" failed: No such file',
    "pgbouncer",
    "pool\tdatabase\tuser\tcl_active\tcl_waiting\tmaxwait",
    "pool\tshop\tshop\t3\t2\t7",
    "@@ latency",
    "query\t0.452\t1.900\t50",
    "connect\t0.210\t0.600\t10",
    "@@ journal",
    "requests\t100\t7\t50",
    "status\t502\t7",
    "seconds\t0.005\t94",
    "seconds\t0.64\t6",
    "@@ backup",
    "failed_collector\t124",
    "@@ after",
    "time\t1002000000000",
    "cpu\t250 0 150 900 50 0 0 50 0 0",
    "process\t7\tpostgres: a (b) c\tD\t200\t1000",
    "waited\t4000000000",
    'metric\thttp_request_duration_seconds_count{method="GET",route="/",status="200"}\t140',
    'metric\thttp_requests_refused_total{shortage="event-loop"}\t30',
    'metric\thttp_request_duration_seconds_bucket{le="0.1",method="GET",route="/",status="200"}\t39',
    'metric\thttp_request_duration_seconds_bucket{le="+Inf",method="GET",route="/",status="200"}\t40',
    "@@ end",
  ].join("\n");

  it("is read as it was measured", () => {
    const report = parseReport(output);
    expect(report.cpu).toEqual({ used: 0.5, steal: 0.125, iowait: 0.125, waiting: 1 });
    expect(report.processes).toEqual([
      { pid: 7, name: "postgres: a (b) c", unit: "postgresql@15-main.service", cores: 0.5, rssKiB: 4000 },
    ]);
    expect(report).toMatchObject({
      cores: 2,
      load: [0.5, 0.25, 0.1],
      waitingForDisk: 1,
      failed: ["backup"],
      web: { sockets: 4, busiestPeer: "198.51.100.7", busiestPeerSockets: 3 },
      certificates: [
        {
          file: "/var/lib/dukaan/certificate/current/chain.pem",
          pem: "-----BEGIN CERTIFICATE-----\nAAAA\n",
          by: "acme",
        },
        { file: "/etc/nginx/tls/balanced.pem", pem: "BBBB\n", by: "stack" },
      ],
      units: [{ name: "nginx.service", active: "active", restarts: 2 }],
      pgbouncer: { clientsActive: 3, clientsWaiting: 2, longestWaitSeconds: 7 },
      postgresql: { error: expect.stringContaining("No such file") as string },
      databaseLatency: {
        query: { p50: 0.452, p99: 1.9, count: 50 },
        connect: { p50: 0.21, p99: 0.6, count: 10 },
      },
      requests: { count: 100, errors: 7, byStatus: "7 × 502", p95Seconds: 0.64 },
      app: { requestsPerSecond: 20, p95Seconds: 0.1, refusedPerSecond: { "event-loop": 15 } },
    });
  });

  it("is refused when it ends early", () => {
    expect(() => parseReport(output.slice(0, -7))).toThrow("ended early");
  });

  it("is asked for by one script that changes nothing", () => {
    const script = collectionScript(10);
    expect(script).toContain("export SINCE=600");
    const changing =
      /\b(rm|mv|kill|tee|mkdir|touch) |systemctl (start|stop|restart|reload)| >(?! ?\/dev\/null) ?\/\w/;
    const commands = script.split("\n").filter((line) => !line.trim().startsWith("#"));
    expect(commands.filter((line) => changing.test(line))).toEqual([]);
  });
});
