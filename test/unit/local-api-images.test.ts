import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dueForBackup, startDueBackups } from "../../local/api/image-actions.js";
import { Actions } from "../../local/state/actions.js";
import { State } from "../../local/state/database.js";
import { problem, TestCloud } from "./local-api-client.js";
import { MemoryHost } from "./local-api-host.js";

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await TestCloud.start();
});
afterAll(() => cloud.close());

async function snapshot(server: number, body: object = {}, on = cloud): Promise<number> {
  const answer = await on.post(`/servers/${server}/actions/create_image`, body);
  expect(answer.status).toBe(201);
  expect((await on.finished(answer.body.action)).status).toBe("success");
  return answer.body.image?.id ?? 0;
}

test("a snapshot of a server is an image that servers are made from and rebuilt from", async () => {
  const server = await cloud.server({ labels: { app: "web" } });
  const id = await snapshot(server.id, { description: "golden", labels: { golden: "yes" } });
  const { image } = (await cloud.get(`/images/${id}`)).body;
  expect(image).toMatchObject({
    type: "snapshot",
    status: "available",
    name: null,
    description: "golden",
    image_size: 0.05,
    disk_size: 10,
    created_from: { id: server.id, name: server.name },
    bound_to: null,
    os_flavor: "debian",
    rapid_deploy: false,
    labels: { golden: "yes" },
  });
  const copy = await cloud.server({ image: id });
  expect(copy.image?.id).toBe(id);
  expect(cloud.host.machinesById.get(String(copy.id))?.spec).toMatchObject({
    image: "debian-12",
    imageId: String(id),
  });
  const again = await cloud.server({ image: String(id) });
  const rebuilt = await cloud.post(`/servers/${again.id}/actions/rebuild`, { image: "debian-12" });
  await cloud.finished(rebuilt.body.action);
  expect(cloud.host.machinesById.get(String(again.id))?.spec.imageId).toBeUndefined();
  await cloud.finished((await cloud.post(`/servers/${again.id}/actions/rebuild`, { image: id })).body.action);
  expect(cloud.host.machinesById.get(String(again.id))?.spec.imageId).toBe(String(id));

  expect((await cloud.get("/images?label_selector=golden")).body.images?.map((one) => one.id)).toEqual([id]);
  expect((await cloud.get("/images?type=snapshot&sort=id:desc")).body.images?.[0]?.id).toBe(id);
  expect((await cloud.delete(`/images/${id}`)).status).toBe(204);
  expect(cloud.host.imagesById.has(String(id))).toBe(false);
  expect((await cloud.get(`/servers/${copy.id}`)).body.server?.image).toBeNull();
  expect(problem(await cloud.post("/servers", { name: "x", server_type: "local-512", image: id }))).toBe(
    "404 not_found: image",
  );
});

test("an image larger than the disk it is for is refused", async () => {
  const large = await cloud.server({ server_type: "cx23" });
  const id = await snapshot(large.id);
  const wish = { name: "too-small", server_type: "local-512", image: id };
  expect(problem(await cloud.post("/servers", wish))).toBe("422 invalid_input: image");
  const small = await cloud.server();
  expect(problem(await cloud.post(`/servers/${small.id}/actions/rebuild`, { image: id }))).toBe(
    "422 invalid_input: image",
  );
});

test("an image is updated, protected and deleted; system images never are", async () => {
  const server = await cloud.server();
  const id = await snapshot(server.id);
  const { image } = (await cloud.put(`/images/${id}`, { description: "new", labels: { a: "b" } })).body;
  expect(image).toMatchObject({ description: "new", labels: { a: "b" } });
  expect(problem(await cloud.put(`/images/${id}`, { labels: { "not a key": "" } }))).toBe(
    "422 invalid_input: labels",
  );
  expect(problem(await cloud.put(`/images/${id}`, { type: "snapshot" }))).toBe("422 invalid_input: type");
  await cloud.post(`/images/${id}/actions/change_protection`, { delete: true });
  expect(problem(await cloud.delete(`/images/${id}`))).toBe("423 protected");
  await cloud.post(`/images/${id}/actions/change_protection`, { delete: false });
  expect((await cloud.get(`/images/${id}/actions`)).body.actions?.map(({ command }) => command)).toEqual([
    "create_image",
    "change_protection",
    "change_protection",
  ]);
  expect((await cloud.delete(`/images/${id}`)).status).toBe(204);
  expect(problem(await cloud.get(`/images/${id}`))).toBe("404 not_found");
  const system = (await cloud.get("/images?type=system")).body.images?.[0]?.id;
  for (const answer of [
    await cloud.put(`/images/${system}`, { description: "x" }),
    await cloud.delete(`/images/${system}`),
    await cloud.post(`/images/${system}/actions/change_protection`, { delete: true }),
  ])
    expect(problem(answer)).toBe("422 unsupported_error");
});

test("what the computer refuses leaves no image behind", async () => {
  const server = await cloud.server();
  cloud.host.failing.add("images.create");
  const answer = await cloud.post(`/servers/${server.id}/actions/create_image`, {});
  const action = await cloud.finished(answer.body.action);
  cloud.host.failing.clear();
  expect(action.error?.message).toContain("images.create failed");
  expect(problem(await cloud.get(`/images/${answer.body.image?.id}`))).toBe("404 not_found");
});

test("the cloud does not wait for an image when it is ended; its next start makes it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dukaan-interrupted-"));
  const statePath = join(folder, "state.db");
  const host = new MemoryHost();
  const first = await TestCloud.start({ statePath, host });
  const server = await first.server();
  host.hanging.add("images.create");
  const { action, image } = (await first.post(`/servers/${server.id}/actions/create_image`, {})).body;
  await first.close();
  expect(host.imagesById.size).toBe(0);
  host.hanging.clear();
  const second = await TestCloud.start({ statePath, host });
  expect(await second.finished(action)).toMatchObject({ status: "success" });
  expect((await second.get(`/images/${image?.id}`)).body.image?.status).toBe("available");
  await second.close();
  rmSync(folder, { recursive: true });
});

test("a server that could not be rebuilt says that it is of the image that its disk is of", async () => {
  const server = await cloud.server();
  const id = await snapshot(server.id);
  cloud.host.failing.add("rebuildMachine");
  const answer = await cloud.post(`/servers/${server.id}/actions/rebuild`, { image: id });
  expect((await cloud.finished(answer.body.action)).status).toBe("error");
  cloud.host.failing.clear();
  expect((await cloud.get(`/servers/${server.id}`)).body.server?.image?.name).toBe("debian-12");

  // Once its disk is of the image it says so, also when it then does not start.
  cloud.host.failing.add("startMachine");
  const again = await cloud.post(`/servers/${server.id}/actions/rebuild`, { image: id });
  expect((await cloud.finished(again.body.action)).status).toBe("error");
  cloud.host.failing.clear();
  expect((await cloud.get(`/servers/${server.id}`)).body.server?.image?.id).toBe(id);
});

test("an image is not deleted while a server is rebuilt from it", async () => {
  const server = await cloud.server();
  const id = await snapshot(server.id);
  cloud.host.delay = 300;
  const { body } = await cloud.post(`/servers/${server.id}/actions/rebuild`, { image: id });
  expect(problem(await cloud.delete(`/images/${id}`))).toBe("409 resource_in_use");
  cloud.host.delay = 0;
  await cloud.finished(body.action);
  expect((await cloud.delete(`/images/${id}`)).status).toBe(204);
});

test("while an image is made its server is locked and the image is not yet to be used", async () => {
  const server = await cloud.server();
  cloud.host.delay = 300;
  const answer = await cloud.post(`/servers/${server.id}/actions/create_image`, {});
  const id = answer.body.image?.id;
  expect(answer.body.image?.status).toBe("creating");
  expect(problem(await cloud.post(`/servers/${server.id}/actions/poweroff`))).toBe("423 locked");
  expect(problem(await cloud.delete(`/images/${id}`))).toBe("423 locked");
  expect(problem(await cloud.post("/servers", { name: "early", server_type: "local-512", image: id }))).toBe(
    "422 invalid_input: image",
  );
  cloud.host.delay = 0;
  await cloud.finished(answer.body.action);
  expect((await cloud.get(`/images/${id}`)).body.image?.status).toBe("available");
});

test("backups are bound to their server, seven at most, and go with it", async () => {
  const server = await cloud.server();
  const make = { type: "backup" };
  expect(problem(await cloud.post(`/servers/${server.id}/actions/create_image`, make))).toBe(
    "422 invalid_input: type",
  );
  await cloud.post(`/servers/${server.id}/actions/enable_backup`, {});
  expect((await cloud.get(`/servers/${server.id}`)).body.server?.backup_window).toMatch(/^\d\d-\d\d$/);
  const made: number[] = [];
  for (let index = 0; index < 9; index++) made.push(await snapshot(server.id, make));
  const bound = async () =>
    (await cloud.get(`/images?bound_to=${server.id}`)).body.images?.map((image) => image.id) ?? [];
  expect(await bound()).toEqual(made.slice(2));
  const kept = made[8] ?? 0;
  expect(problem(await cloud.post(`/images/${kept}/actions/change_protection`, { delete: true }))).toBe(
    "422 unsupported_error",
  );
  const { image } = (await cloud.put(`/images/${kept}`, { type: "snapshot" })).body;
  expect(image).toMatchObject({ type: "snapshot", bound_to: null });
  await cloud.post(`/servers/${server.id}/actions/disable_backup`);
  expect(await bound()).toEqual([]);
  await cloud.post(`/servers/${server.id}/actions/enable_backup`, {});
  const last = await snapshot(server.id, make);
  await cloud.finished((await cloud.delete(`/servers/${server.id}`)).body.action);
  expect(problem(await cloud.get(`/images/${last}`))).toBe("404 not_found");
  expect((await cloud.get(`/images/${kept}`)).status).toBe(200);
  expect([...cloud.host.imagesById.keys()]).toContain(String(kept));
  expect([...cloud.host.imagesById.keys()]).not.toContain(String(last));
});

test("a new backup is there although an old one's file could not be removed, or is just being copied", async () => {
  // It is never closed: one of its actions does not end.
  const own = await TestCloud.start();
  const server = await own.server();
  await own.post(`/servers/${server.id}/actions/enable_backup`, {});
  const made: number[] = [];
  const make = async () => made.push(await snapshot(server.id, { type: "backup" }, own));
  const bound = async () =>
    (await own.get(`/images?bound_to=${server.id}`)).body.images?.map((image) => image.id) ?? [];
  for (let index = 0; index < 7; index++) await make();
  own.host.failing.add("images.remove");
  await make();
  own.host.failing.clear();
  expect(await bound()).toEqual(made.slice(1));

  const other = await own.server();
  own.host.hanging.add("rebuildMachine");
  await own.post(`/servers/${other.id}/actions/rebuild`, { image: made[1] });
  await make();
  expect(await bound()).toEqual(made.slice(1));
  await own.post(`/servers/${server.id}/actions/disable_backup`);
  expect(await bound()).toEqual([]);
  expect((await own.get(`/images/${made[1]}`)).body.image).toMatchObject({ type: "snapshot" });
  expect(own.host.imagesById.has(String(made[1]))).toBe(true);
});

test("a backup that cannot be started keeps neither the cloud nor other backups from it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dukaan-backups-"));
  const statePath = join(folder, "state.db");
  const first = await TestCloud.start({ statePath });
  const servers = [await first.server(), await first.server()];
  await first.close();
  const state = new State(statePath);
  state.run("UPDATE servers SET backup_window = '02-06'");
  state.run(`CREATE TRIGGER refuse BEFORE INSERT ON images WHEN NEW.server_id = ${servers[0]?.id}
             BEGIN SELECT RAISE(ABORT, 'it is refused'); END`);
  const said: string[] = [];
  const log = {
    info: () => {},
    error: (details: object, message: string) => void said.push(`${JSON.stringify(details)} ${message}`),
  };
  startDueBackups({ state, actions: new Actions(state, log) }, log, Date.parse("2026-03-05T03:00:00Z"));
  expect(state.all<{ bound_to: number }>("SELECT bound_to FROM images").map((row) => row.bound_to)).toEqual([
    servers[1]?.id,
  ]);
  expect(said[0]).toMatch(new RegExp(`"server":${servers[0]?.id}.*could not be started`));
  state.close();
  rmSync(folder, { recursive: true });
});

test("backups of a server that lost its machine are kept, as snapshots", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dukaan-backups-"));
  const statePath = join(folder, "state.db");
  const host = new MemoryHost();
  const first = await TestCloud.start({ statePath, host });
  const server = await first.server();
  await first.post(`/servers/${server.id}/actions/enable_backup`, {});
  const { body } = await first.post(`/servers/${server.id}/actions/create_image`, { type: "backup" });
  await first.finished(body.action);
  await first.close();
  host.machinesById.clear();
  // Twice: what the first start forgot the second removes from the computer.
  for (const _ of ["first", "second"]) {
    const again = await TestCloud.start({ statePath, host });
    const { image } = (await again.get(`/images/${body.image?.id}`)).body;
    expect(image).toMatchObject({ type: "snapshot", bound_to: null, created_from: { id: server.id } });
    expect([...host.imagesById.keys()]).toEqual([String(body.image?.id)]);
    await again.close();
  }
  rmSync(folder, { recursive: true });
});

test("a backup is due once a day within the window, also over midnight", () => {
  const at = (time: string) => Date.parse(`2026-03-05T${time}Z`);
  const servers = [
    { id: 1, backup_window: "22-02" },
    { id: 2, backup_window: "02-06" },
    { id: 3, backup_window: null },
  ];
  const due = (time: string, created: string[] = []) =>
    dueForBackup(
      servers,
      created.map((one) => ({ bound_to: 1, created: one })),
      at(time),
    );
  expect(due("23:10:00")).toEqual([1]);
  expect(due("01:59:00")).toEqual([1]);
  expect(due("02:00:00")).toEqual([2]);
  expect(due("12:00:00")).toEqual([]);
  expect(due("01:00:00", ["2026-03-04T22:05:00Z"])).toEqual([]);
  expect(due("22:05:00", ["2026-03-04T22:05:00Z"])).toEqual([1]);
});
