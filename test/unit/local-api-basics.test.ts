import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RateLimit } from "../../local/api/rate-limit.js";
import { Actions } from "../../local/state/actions.js";
import { State } from "../../local/state/database.js";
import { problem, publicKey, TestCloud, token } from "./local-api-client.js";

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await TestCloud.start();
});
afterAll(() => cloud.close());

describe("authentication", () => {
  test.each([
    ["no header", {}],
    ["another token", { authorization: `Bearer ${"f".repeat(64)}` }],
    ["a prefix of the token", { authorization: `Bearer ${token.slice(0, 63)}` }],
    ["another scheme", { authorization: `Basic ${token}` }],
  ])("is refused with %s", async (_, headers: Record<string, string>) => {
    for (const path of ["/servers", "/unknown"]) {
      expect(problem(await cloud.request("GET", path, undefined, headers))).toBe("401 unauthorized");
    }
  });
});

describe("requests that do not fit", () => {
  test("an unknown path", async () => {
    expect(problem(await cloud.get("/unknown"))).toBe("404 not_found");
    expect(problem(await cloud.get("/servers/1/unknown"))).toBe("404 not_found");
  });

  test("a path that the router does not take", async () => {
    expect(problem(await cloud.get(`/zones/${"a".repeat(300)}`))).toBe("404 not_found");
    expect(problem(await cloud.get(`/zones/${"a".repeat(200)}`))).toBe("404 not_found");
    expect(problem(await cloud.get("/zones/%"))).toBe("400 invalid_input");
  });

  test("a method that the path does not have", async () => {
    expect(problem(await cloud.request("PATCH", "/servers"))).toBe("405 method_not_allowed");
    expect(problem(await cloud.delete("/servers"))).toBe("405 method_not_allowed");
    expect(problem(await cloud.get("/servers/1/actions/poweron"))).toBe("405 method_not_allowed");
    expect(problem(await cloud.put("/pricing", {}))).toBe("405 method_not_allowed");
  });

  test("broken JSON", async () => {
    expect(problem(await cloud.post("/ssh_keys", "{"))).toBe("400 json_error");
  });

  test("a body that is no object", async () => {
    expect(problem(await cloud.post("/ssh_keys", [1]))).toBe("422 invalid_input: body");
  });

  test("every wrong field is named at once", async () => {
    const answer = await cloud.post("/servers", {
      name: 5,
      image: "debian-12",
      public_net: { ipv4: "no", ipv9: 1 },
      firewalls: [{ firewall: "x" }],
      typo: true,
    });
    expect(problem(answer)).toBe(
      "422 invalid_input: firewalls.0.firewall, name, public_net.ipv4, public_net.ipv9, server_type, typo",
    );
    expect(answer.body.error?.message).toContain("'server_type'");
  });

  test.each(["0", "-1", "abc", "1.5", "9007199254740993"])("the id %s", async (id) => {
    expect(problem(await cloud.get(`/networks/${id}`))).toBe("422 invalid_input: id");
  });

  test("a large body", async () => {
    const answer = await cloud.post("/ssh_keys", { name: "a".repeat(2 * 1024 * 1024) });
    expect(problem(answer)).toBe("422 invalid_input");
  });
});

describe("what the local cloud does not have", () => {
  test("what Hetzner removed is gone", async () => {
    expect(problem(await cloud.get("/datacenters"))).toBe("410 deprecated_api_endpoint");
    expect(problem(await cloud.get("/datacenters/1"))).toBe("410 deprecated_api_endpoint");
    expect(problem(await cloud.get("/actions"))).toBe("410 deprecated_api_endpoint");
  });

  test("system images cannot be changed", async () => {
    expect(problem(await cloud.put("/images/114690387", { description: "x" }))).toBe("422 unsupported_error");
    expect(problem(await cloud.delete("/images/114690387"))).toBe("422 unsupported_error");
  });
});

describe("the catalogue", () => {
  test("locations", async () => {
    const { body } = await cloud.get("/locations?sort=name:desc");
    expect(body.locations?.map(({ name }) => name)).toEqual(["sin", "nbg1", "hil", "hel1", "fsn1", "ash"]);
    expect((await cloud.get("/locations/3")).body["location"]).toMatchObject({ name: "hel1" });
    expect(problem(await cloud.get("/locations/99"))).toBe("404 not_found");
  });

  test("server types", async () => {
    const { body } = await cloud.get("/server_types?name=local-512");
    expect(body["server_types"]).toMatchObject([{ cores: 1, memory: 0.5, disk: 10 }]);
    const cx23 = (await cloud.get("/server_types/114")).body.server_type;
    expect(cx23).toMatchObject({ name: "cx23", cores: 2, memory: 4, disk: 40, architecture: "x86" });
    expect(cx23?.locations.map(({ name }) => name)).toEqual(["fsn1", "nbg1", "hel1"]);
  });

  test("images of this computer's architecture", async () => {
    const own = process.arch === "arm64" ? "arm" : "x86";
    const found = await cloud.get(`/images?name=debian-12&architecture=${own}&include_deprecated=true`);
    expect(found.body["images"]).toMatchObject([{ name: "debian-12", type: "system", status: "available" }]);
    for (const yes of ["True", "1", "false"]) {
      expect((await cloud.get(`/images?include_deprecated=${yes}`)).status).toBe(200);
    }
    expect(problem(await cloud.get("/images?include_deprecated=yes"))).toBe(
      "422 invalid_input: include_deprecated",
    );
    const other = await cloud.get(`/images?architecture=${own === "arm" ? "x86" : "arm"}`);
    expect(other.body["images"]).toEqual([]);
    expect((await cloud.get("/images?type=snapshot&type=backup")).body["images"]).toEqual([]);
  });

  test("there are no ISOs", async () => {
    expect((await cloud.get("/isos")).body["isos"]).toEqual([]);
    expect(problem(await cloud.get("/isos/1"))).toBe("404 not_found");
  });

  test("prices", async () => {
    const { pricing } = (await cloud.get("/pricing")).body;
    const cx23 = pricing?.server_types.find(({ name }) => name === "cx23");
    expect(cx23?.prices[0]?.price_monthly).toEqual({ net: "5.4900", gross: "6.5331" });
  });
});

describe("lists", () => {
  let list: TestCloud;
  beforeAll(async () => {
    list = await TestCloud.start();
    for (let index = 0; index < 60; index++) {
      await list.post("/ssh_keys", {
        name: `key-${String(index).padStart(2, "0")}`,
        public_key: publicKey(index),
        labels: { parity: index % 2 ? "odd" : "even", ...(index < 5 && { early: "" }) },
      });
    }
  });
  afterAll(() => list.close());
  const names = async (query: string) =>
    (await list.get(`/ssh_keys?${query}`)).body.ssh_keys?.map((k) => k.name);

  test("come in pages of 25, 50 at most", async () => {
    const first = await list.get("/ssh_keys");
    expect(first.body.ssh_keys).toHaveLength(25);
    expect(first.body.meta?.pagination).toEqual({
      page: 1,
      per_page: 25,
      previous_page: null,
      next_page: 2,
      last_page: 3,
      total_entries: 60,
    });
    const last = await list.get("/ssh_keys?page=2&per_page=50");
    expect(last.body.ssh_keys?.map(({ name }) => name)).toHaveLength(10);
    expect(last.body.meta?.pagination).toMatchObject({ previous_page: 1, next_page: null, last_page: 2 });
    expect(last.headers["link"]).toMatch(
      /page=1&per_page=50>; rel="prev", .*page=2&per_page=50>; rel="last"/,
    );
    expect(problem(await list.get("/ssh_keys?per_page=51"))).toBe("422 invalid_input: per_page");
    expect(problem(await list.get("/ssh_keys?page=0"))).toBe("422 invalid_input: page");
    expect((await list.get("/ssh_keys?page=9")).body.ssh_keys).toEqual([]);
  });

  test("are sorted as asked", async () => {
    expect(await names("sort=name:desc&per_page=2")).toEqual(["key-59", "key-58"]);
    expect((await names("sort=created&sort=name:desc&per_page=1"))?.[0]).toMatch(/^key-/);
    for (const sort of ["age", "name:up", "name:asc:asc"]) {
      expect(problem(await list.get(`/ssh_keys?sort=${sort}`))).toBe("422 invalid_input: sort");
    }
  });

  test("are filtered by name and labels", async () => {
    expect(await names("name=key-07")).toEqual(["key-07"]);
    expect(await names("name=key-7")).toEqual([]);
    expect(await names("label_selector=parity%3Dodd,early")).toEqual(["key-01", "key-03"]);
    expect(await names("label_selector=parity%20in%20(even),early%3D%3D")).toEqual([
      "key-00",
      "key-02",
      "key-04",
    ]);
    const wrong = await list.get("/ssh_keys?label_selector=a%20b%20c");
    expect(problem(wrong)).toBe("422 invalid_input: label_selector");
  });
});

test("requests are counted, and too many of them refused", async () => {
  const limited = await TestCloud.start({ rateLimit: 2 });
  const first = await limited.get("/locations");
  expect(first.headers).toMatchObject({ "ratelimit-limit": "2", "ratelimit-remaining": "1" });
  const reset = Number(first.headers["ratelimit-reset"]) - Date.now() / 1000;
  expect(reset).toBeGreaterThan(1500);
  expect(reset).toBeLessThan(2000);
  expect((await limited.get("/locations")).status).toBe(200);
  expect(problem(await limited.get("/locations"))).toBe("429 rate_limit_exceeded");
  await limited.close();
});

test("whoever has no token is counted, but uses up nothing of what the token may do", async () => {
  const limited = await TestCloud.start({ rateLimit: 2 });
  const stranger = () => limited.request("GET", "/locations", undefined, {});
  const first = await stranger();
  expect(problem(first)).toBe("401 unauthorized");
  expect(first.headers).toMatchObject({ "ratelimit-limit": "2", "ratelimit-remaining": "1" });
  expect(problem(await stranger())).toBe("401 unauthorized");
  const refused = await stranger();
  expect(problem(refused)).toBe("429 rate_limit_exceeded");
  expect(refused.headers).toMatchObject({ "ratelimit-limit": "2", "ratelimit-remaining": "0" });
  expect((await limited.get("/locations")).status).toBe(200);
  await limited.close();
});

test("as many requests as an hour allows come back evenly", () => {
  let now = 0;
  const limit = new RateLimit(3600, () => now);
  for (let index = 0; index < 3600; index++) expect(limit.take()).toBe(3599 - index);
  expect(limit.take()).toBe(-1);
  expect(limit.resetAt()).toBe(3600);
  now = 1000;
  expect(limit.take()).toBe(0);
  expect(limit.take()).toBe(-1);
  now = 1000 + 3_600_000;
  expect(limit.take()).toBe(3599);
});

test("a Host header that is none harms nothing", async () => {
  const headers = { authorization: `Bearer ${token}`, host: "%%:x" };
  const { status, headers: answered } = await cloud.request("GET", "/locations", undefined, headers);
  expect(status).toBe(200);
  expect(answered["link"]).toBe('<http://localhost/v1/locations?page=1>; rel="last"');
});

test("old actions are forgotten, those that run are not", () => {
  const state = new State(":memory:");
  const actions = new Actions(state, { info: () => {}, error: () => {} }, 10);
  const resources = [{ type: "server" as const, id: 1 }];
  const first = actions.done("first", resources);
  state.insert("actions", {
    id: state.newId(),
    command: "running",
    status: "running",
    progress: 0,
    started: first.started,
    finished: null,
    arguments: "{}",
  });
  for (let index = 0; index < 1200; index++) actions.done("later", resources);
  expect(actions.find(first.id)).toBeUndefined();
  expect(state.get("SELECT count(*) AS n FROM actions WHERE status = 'running'")).toMatchObject({ n: 1 });
  const { n: left } = state.get<{ n: number }>("SELECT count(*) AS n FROM actions") ?? { n: 0 };
  expect(left).toBeLessThan(520);
  expect(state.get<{ n: number }>("SELECT count(*) AS n FROM action_resources")?.n).toBe(left - 1);
  state.close();
});
