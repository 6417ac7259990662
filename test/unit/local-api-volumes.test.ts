import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { problem, TestCloud } from "./local-api-client.js";
import { MemoryHost } from "./local-api-host.js";

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await TestCloud.start();
});
afterAll(() => cloud.close());

let count = 0;
const make = async (input: object = {}) => {
  const answer = await cloud.post("/volumes", { name: `v-${count++}`, size: 10, location: "fsn1", ...input });
  if (!answer.body.volume) throw new Error(JSON.stringify(answer.body));
  for (const action of [answer.body.action, ...(answer.body.next_actions ?? [])])
    await cloud.finished(action);
  return answer.body.volume;
};
const act = (id: number, action: string, body?: object) =>
  cloud.post(`/volumes/${id}/actions/${action}`, body);
const read = async (id: number) => (await cloud.get(`/volumes/${id}`)).body.volume;
const inFalkenstein = (input: object = {}) => cloud.server({ location: "fsn1", ...input });

describe("a volume", () => {
  test("is made, found, changed, grown, protected and deleted", async () => {
    const made = await make({ name: "made", format: "xfs", labels: { a: "b" } });
    expect(await read(made.id)).toMatchObject({
      name: "made",
      size: 10,
      server: null,
      status: "available",
      format: "xfs",
      location: { name: "fsn1" },
      protection: { delete: false },
      linux_device: `/dev/disk/by-id/scsi-0HC_Volume_${made.id}`,
    });
    expect(cloud.host.volumesById.get(String(made.id))).toMatchObject({
      sizeBytes: 10 * 2 ** 30,
      format: "xfs",
    });
    expect((await cloud.get("/volumes?status=available&label_selector=a=b")).body.volumes).toHaveLength(1);
    const path = `/volumes/${made.id}`;
    expect((await cloud.put(path, { name: "renamed", labels: {} })).body.volume).toMatchObject({
      name: "renamed",
      labels: {},
    });
    expect(problem(await cloud.post("/volumes", { name: "renamed", size: 10, location: "fsn1" }))).toBe(
      "409 uniqueness_error: name",
    );
    expect(problem(await act(made.id, "resize", { size: 10 }))).toBe("422 invalid_input: size");
    await cloud.finished((await act(made.id, "resize", { size: 42 })).body.action);
    expect(await read(made.id)).toMatchObject({ size: 42 });
    expect(cloud.host.volumesById.get(String(made.id))?.sizeBytes).toBe(42 * 2 ** 30);
    await act(made.id, "change_protection", { delete: true });
    expect(problem(await cloud.delete(path))).toBe("423 protected");
    await act(made.id, "change_protection", { delete: false });
    expect((await cloud.delete(path)).status).toBe(204);
    expect(cloud.host.volumesById.has(String(made.id))).toBe(false);
    expect(problem(await cloud.get(path))).toBe("404 not_found");
  });

  test.each([
    [{ size: 9 }, "422 invalid_input: size"],
    [{ size: 10_241 }, "422 invalid_input: size"],
    [{ format: "ntfs" }, "422 invalid_input: format"],
    [{ location: undefined }, "422 invalid_input: location"],
    [{ location: "moon" }, "404 not_found: location"],
    [{ server: 1 }, "404 not_found: server"],
    [{ automount: true }, "422 invalid_input: automount"],
    [{ name: "" }, "422 invalid_input: name"],
  ])("is refused with %o", async (input, expected) => {
    const body = { name: "refused", size: 10, location: "fsn1", ...input };
    expect(problem(await cloud.post("/volumes", body))).toBe(expected);
    expect((await cloud.get("/volumes?name=refused")).body.volumes).toEqual([]);
  });

  test("is attached to one server at a time, of its own location", async () => {
    const [one, other, elsewhere] = [
      await inFalkenstein(),
      await inFalkenstein(),
      await cloud.server({ location: "nbg1" }),
    ];
    const volume = await make({ location: undefined, server: one.id, automount: true });
    expect(cloud.host.calls).toContain(`attachVolume ${volume.id} to ${one.id}, mounted`);
    expect((await cloud.get(`/servers/${one.id}`)).body.server?.volumes).toEqual([volume.id]);
    expect(problem(await act(volume.id, "attach", { server: other.id }))).toBe("422 volume_already_attached");
    expect(problem(await cloud.delete(`/volumes/${volume.id}`))).toBe("422 service_error");

    const detached = await cloud.finished((await act(volume.id, "detach")).body.action);
    expect(detached).toMatchObject({
      command: "detach_volume",
      status: "success",
      resources: [
        { type: "server", id: one.id },
        { type: "volume", id: volume.id },
      ],
    });
    expect(problem(await act(volume.id, "detach"))).toBe("422 service_error");
    expect(problem(await act(volume.id, "attach", { server: elsewhere.id }))).toBe(
      "422 invalid_input: server",
    );
    await cloud.finished((await act(volume.id, "attach", { server: other.id })).body.action);
    expect(cloud.host.attached.get(String(volume.id))).toBe(String(other.id));
  });

  test("comes with a new server, and stays when that is deleted", async () => {
    const volume = await make();
    const server = await inFalkenstein({ volumes: [volume.id] });
    expect(cloud.host.attached.get(String(volume.id))).toBe(String(server.id));
    const body = { name: "greedy", server_type: "local-512", image: "debian-12", volumes: [volume.id] };
    expect(problem(await cloud.post("/servers", { ...body, location: "fsn1" }))).toBe(
      "422 volume_already_attached",
    );
    expect(problem(await cloud.post("/servers", { ...body, volumes: [1] }))).toBe("404 not_found: volumes");
    await cloud.finished((await cloud.delete(`/servers/${server.id}`)).body.action);
    expect(await read(volume.id)).toMatchObject({ server: null, status: "available" });
    expect(cloud.host.volumesById.has(String(volume.id))).toBe(true);
  });

  test("a server has 16 at most", async () => {
    const server = await inFalkenstein();
    for (let index = 0; index < 16; index++) await make({ server: server.id });
    const more = await make();
    expect(problem(await act(more.id, "attach", { server: server.id }))).toBe("403 resource_limit_exceeded");
  });

  test("that cannot be made, attached or taken away leaves the state as it was, with the reason", async () => {
    const server = await inFalkenstein();
    cloud.host.failing.add("createVolume");
    const { body } = await cloud.post("/volumes", { name: "unmade", size: 10, location: "fsn1" });
    expect(await cloud.finished(body.action)).toMatchObject({
      status: "error",
      error: { code: "action_failed", message: "createVolume failed. Ask the test." },
    });
    cloud.host.failing.delete("createVolume");
    expect((await cloud.get("/volumes?name=unmade")).body.volumes).toEqual([]);

    const volume = await make();
    cloud.host.failing.add("attachVolume");
    const attach = (await act(volume.id, "attach", { server: server.id })).body.action;
    expect((await cloud.finished(attach)).status).toBe("error");
    expect(await read(volume.id)).toMatchObject({ server: null });
    cloud.host.failing.delete("attachVolume");

    await cloud.finished((await act(volume.id, "attach", { server: server.id })).body.action);
    cloud.host.failing.add("detachVolume");
    expect((await cloud.finished((await act(volume.id, "detach")).body.action)).status).toBe("error");
    expect(await read(volume.id)).toMatchObject({ server: server.id });
    cloud.host.failing.delete("detachVolume");
  });

  test("is locked while something is done to it", async () => {
    const volume = await make();
    cloud.host.delay = 400;
    const { body } = await act(volume.id, "resize", { size: 20 });
    expect(body.action?.status).toBe("running");
    expect(problem(await act(volume.id, "resize", { size: 30 }))).toBe("423 locked");
    expect(problem(await cloud.delete(`/volumes/${volume.id}`))).toBe("423 locked");
    cloud.host.delay = 0;
    await cloud.finished(body.action);
  });
});

test("what the computer has and the state does not is removed at a start; what it refuses does not end the start", async () => {
  const host = new MemoryHost();
  host.networksById.set("5", { id: "5", ipRange: "10.0.0.0/8", routes: [] });
  host.volumesById.set("6", { id: "6", sizeBytes: 1 });
  host.machinesById.set("7", {
    spec: {
      id: "7",
      name: "unknown",
      image: "debian-12",
      limits: { cores: 1, memoryBytes: 1, diskBytes: 1 },
      userData: "",
      authorizedKeys: [],
      addresses: {},
    },
    running: true,
    attachments: new Map(),
  });
  host.failing.add("removeVolume");
  const own = await TestCloud.start({ host });
  expect([host.networksById.size, host.volumesById.size, host.machinesById.size]).toEqual([0, 1, 0]);
  expect((await own.get("/servers")).status).toBe(200);
  await own.close();
});
