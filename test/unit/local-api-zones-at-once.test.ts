import { afterAll, beforeAll, expect, test } from "vitest";
import { problem, TestCloud } from "./local-api-client.js";
import { REFUSED_LABEL } from "./local-api-host.js";

let cloud: TestCloud;
const make = async (name: string) =>
  cloud.finished((await cloud.post("/zones", { name, mode: "primary" })).body.action);
const linesOf = (name: string) =>
  cloud.host.zoneFiles.find((zone) => zone.name === name)?.text.split("\n") ?? [];

const record = (name: string) => ({ name, type: "A", records: [{ value: "203.0.113.1" }] });
beforeAll(async () => {
  cloud = await TestCloud.start();
  await make("first.test");
  await make("second.test");
  // So that they are under way together.
  cloud.host.delay = 30;
});
afterAll(() => cloud.close());
const ends = async (answers: Promise<Awaited<ReturnType<typeof cloud.post>>>[]) =>
  Promise.all(
    (await Promise.all(answers)).map(async ({ body }) => (await cloud.finished(body.action)).status),
  );

test("of changes that are asked for at once the one that is refused takes back its own work alone", async () => {
  const changes = [
    cloud.post("/zones/first.test/rrsets", record("before")),
    cloud.post("/zones/first.test/rrsets", record(REFUSED_LABEL)),
    cloud.post("/zones/first.test/rrsets", record("after")),
    cloud.post("/zones/second.test/rrsets", record("other")),
  ];
  const labels = cloud.put("/zones/first.test", { labels: { kept: "yes" } });
  expect(await ends(changes)).toEqual(["success", "error", "success", "success"]);
  expect((await labels).status).toBe(200);
  expect((await cloud.get("/zones/first.test")).body.zone?.labels).toEqual({ kept: "yes" });
  await expect.poll(() => linesOf("first.test")).toContain("after\t3600\tIN\tA\t203.0.113.1");
  for (const name of ["before", "after"])
    expect((await cloud.get(`/zones/first.test/rrsets/${name}/A`)).status).toBe(200);
  expect((await cloud.get(`/zones/first.test/rrsets/${REFUSED_LABEL}/A`)).status).toBe(404);
  expect(linesOf("second.test")).toContain("other\t3600\tIN\tA\t203.0.113.1");
});

test("none starts from what another one is about to take back", async () => {
  const path = "/zones/first.test/rrsets/mail/TXT";
  const text = (value: string) => ({ records: [{ value: `"${value}"` }] });
  const changes = [
    cloud.post(`${path}/actions/add_records`, text("one")),
    cloud.post(`${path}/actions/add_records`, text(REFUSED_LABEL)),
    cloud.post(`${path}/actions/add_records`, text("two")),
  ];
  expect(await ends(changes)).toEqual(["success", "error", "success"]);
  expect((await cloud.get(path)).body.rrset?.records).toEqual([{ value: '"one"' }, { value: '"two"' }]);
});

test("a zone whose deletion is refused keeps its name", async () => {
  await make("again.test");
  cloud.host.failing.add("names.set");
  const deleted = cloud.delete("/zones/again.test");
  const made = cloud.post("/zones", { name: "again.test", mode: "primary" });
  expect(await ends([deleted])).toEqual(["error"]);
  cloud.host.failing.clear();
  expect(problem(await made)).toBe("409 uniqueness_error: name");
  expect((await cloud.get("/zones/again.test")).status).toBe(200);
});
