import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { balancerSeries, metricsAnswer, Samples, serverSeries } from "../../local/api/metrics.js";
import { problem, TestCloud } from "./local-api-client.js";

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await TestCloud.start({ sampleMs: 20 });
});
afterAll(() => cloud.close());

const none = {
  cpuSeconds: 0,
  diskReads: 0,
  diskWrites: 0,
  diskBytesRead: 0,
  diskBytesWritten: 0,
  packetsIn: 0,
  packetsOut: 0,
  bytesIn: 0,
  bytesOut: 0,
};
const values = (answer: ReturnType<typeof metricsAnswer>, series: string) =>
  answer.metrics.time_series[series]?.values;

test("counters become rates, each over its step", () => {
  const samples = new Samples();
  for (let at = 0; at <= 60; at += 15) {
    samples.add(1000 + at, new Map([[7, { ...none, cpuSeconds: at * 0.5, bytesIn: at * 100 }]]));
  }
  const span = { start: 1000, end: 1060, step: 30 };
  const answer = metricsAnswer(samples, 7, serverSeries, ["cpu", "network"], span);
  expect(answer.metrics).toMatchObject({ start: "1970-01-01T00:16:40.000Z", step: 30 });
  expect(values(answer, "cpu")).toEqual([
    [1030, "50"],
    [1060, "50"],
  ]);
  expect(values(answer, "network.0.bandwidth.in")).toEqual([
    [1030, "100"],
    [1060, "100"],
  ]);
  expect(values(answer, "network.0.pps.out")).toEqual([
    [1030, "0"],
    [1060, "0"],
  ]);
  expect(Object.keys(answer.metrics.time_series)).not.toContain("disk.0.iops.read");
});

test("a restart of what is counted, and the time without it, are gaps", () => {
  const samples = new Samples();
  const add = (at: number, cpuSeconds: number) => samples.add(at, new Map([[7, { ...none, cpuSeconds }]]));
  for (const [at, used] of [
    [0, 5],
    [10, 15],
    [20, 1],
    [30, 2],
    [60, 2],
  ] as const)
    add(at, used);
  const answer = metricsAnswer(samples, 7, serverSeries, ["cpu"], { start: 0, end: 60, step: 10 });
  expect(values(answer, "cpu")).toEqual([
    [10, "100"],
    [30, "10"],
    [60, "0"],
  ]);
});

test("what is kept is bounded in number and time", () => {
  const samples = new Samples();
  for (let at = 0; at < 2000; at++) samples.add(at * 15, new Map([[7, { openConnections: at }]]));
  const span = { start: 0, end: 30_000, step: 15 };
  const answer = metricsAnswer(samples, 7, balancerSeries, ["open_connections"], span);
  expect(values(answer, "open_connections")).toHaveLength(1440);
  samples.add(100_000, new Map());
  expect(
    values(metricsAnswer(samples, 7, balancerSeries, ["open_connections"], span), "open_connections"),
  ).toEqual([]);
});

/** What is told of the last two seconds, by series. */
async function lastSeconds(path: string, types: string) {
  const span = { start: new Date(Date.now() - 2000).toISOString(), end: new Date().toISOString() };
  const { status, body } = await cloud.get(
    `${path}/metrics?${types}&start=${span.start}&end=${span.end}&step=1`,
  );
  expect(status).toBe(200);
  const { metrics } = body as unknown as ReturnType<typeof metricsAnswer>;
  const points = Object.values(metrics.time_series).flatMap((one) => one.values);
  for (const [at] of points) {
    expect(Math.round(at * 1000)).toBeGreaterThanOrEqual(Date.parse(span.start));
    expect(Math.round(at * 1000)).toBeLessThanOrEqual(Date.parse(span.end));
  }
  return metrics.time_series;
}
type Told = Awaited<ReturnType<typeof lastSeconds>>;
/** The series that have a value about as large as wanted: when something is counted is known to a moment only. */
const about = (told: Told, wanted: Record<string, number>): string[] =>
  Object.entries(wanted).flatMap(([name, value]) =>
    told[name]?.values.some(([, found]) => Math.abs(Number(found) - value) <= value * 0.3) ? [name] : [],
  );

test("a server's are asked for by type and time, in any of the ways of the clients", async () => {
  const server = await cloud.server();
  // Half a core, and 40 writes a second.
  vi.spyOn(cloud.host, "usage").mockImplementation(async (ids) => {
    const seconds = Date.now() / 1000;
    return ids.map((id) => ({ id, ...none, cpuSeconds: seconds / 2, diskWrites: seconds * 40 }));
  });
  const path = `/servers/${server.id}`;
  const wanted = { cpu: 50, "disk.0.iops.write": 40, "disk.0.iops.read": 0 };
  const disk = ["disk.0.iops.read", "disk.0.iops.write", "disk.0.bandwidth.read", "disk.0.bandwidth.write"];
  for (const types of ["type=cpu&type=disk", "type=cpu,disk"]) {
    await expect.poll(async () => about(await lastSeconds(path, types), wanted)).toEqual(Object.keys(wanted));
    expect(Object.keys(await lastSeconds(path, types))).toEqual(["cpu", ...disk]);
  }
  const start = "2026-01-01T00:00:00Z";
  const end = "2026-01-01T00:01:00Z";
  const ask = (query: string) => cloud.get(`${path}/metrics?${query}`);
  expect((await ask(`type=cpu&start=${start}&end=${end}`)).body["metrics"]).toEqual({
    start: "2026-01-01T00:00:00.000Z",
    end: "2026-01-01T00:01:00.000Z",
    step: 15,
    time_series: { cpu: { values: [] } },
  });
  expect(problem(await ask(`start=${start}&end=${end}`))).toBe("422 invalid_input: type");
  expect(problem(await ask(`type=heat&start=${start}&end=${end}`))).toBe("422 invalid_input: type");
  expect(problem(await ask(`type=cpu&start=${end}&end=${start}`))).toBe("422 invalid_input: end");
  expect(problem(await ask(`type=cpu&start=yesterday&end=${end}`))).toBe("422 invalid_input: start");
  expect(problem(await ask(`type=cpu&start=${start}&end=${end}&step=0`))).toBe("422 invalid_input: step");
  expect(problem(await cloud.get(`/servers/4711/metrics?type=cpu&start=${start}&end=${end}`))).toBe(
    "404 not_found",
  );
});

test("a load balancer's are its connections, requests and bytes", async () => {
  const made = await cloud.post("/load_balancers", {
    name: "measured",
    load_balancer_type: "lb11",
    location: "fsn1",
  });
  const { id } = made.body.load_balancer ?? { id: 0 };
  await cloud.finished(made.body.action);
  vi.spyOn(cloud.host.loadBalancers, "state").mockImplementation(async () => {
    const seconds = Date.now() / 1000;
    return {
      targets: [],
      openConnections: 3,
      connections: seconds * 10,
      requests: seconds * 20,
      bytesIn: seconds * 1000,
      bytesOut: seconds * 5000,
    };
  });
  const wanted = {
    open_connections: 3,
    connections_per_second: 10,
    requests_per_second: 20,
    "bandwidth.in": 1000,
    "bandwidth.out": 5000,
  };
  const types = "type=open_connections,connections_per_second,requests_per_second,bandwidth";
  const told = async () => lastSeconds(`/load_balancers/${id}`, types);
  await expect.poll(async () => about(await told(), wanted)).toEqual(Object.keys(wanted));
  expect(Object.keys(await told())).toEqual(Object.keys(wanted));
});
