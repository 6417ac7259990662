import { mkdir, mkdtemp, rm, statfs, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { execa } from "execa";
import { afterEach, expect, test } from "vitest";
import { CrashCloud } from "./crash-cloud.js";

const MINUTE = 60_000;
const undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
}, MINUTE);

const small = { server_type: "local-512", image: "debian-12", location: "fsn1" };

test(
  "on a full disk it goes on answering, makes nothing by halves, and recovers",
  { timeout: 3 * MINUTE },
  async () => {
    const folder = await mkdtemp("/var/lib/dukaan-test-");
    undo.push(() => rm(folder, { recursive: true, force: true }));
    const [image, home] = [`${folder}/disk.img`, `${folder}/home`];
    await writeFile(image, "");
    await truncate(image, 5 * 2 ** 30);
    await execa("mkfs.ext4", ["-q", "-F", "-m", "0", image]);
    await mkdir(home);
    await execa("mount", ["-o", "loop", image, home]);
    undo.push(() => execa("umount", ["-l", home]));
    const cloud = await CrashCloud.open("full-t", home);
    undo.push(() => cloud.remove());
    await cloud.done("POST", "/servers", { ...small, name: "before" });

    const { bavail, bsize } = await statfs(home);
    const ballast = `${home}/ballast`;
    // Also what the file system keeps for itself is taken then: SQLite itself finds no more room.
    await execa("fallocate", ["--length", String(bavail * bsize - 64 * 2 ** 20), ballast]);
    await execa("sh", ["-c", `cat /dev/zero >${home}/rest`], { reject: false });

    const refused = await cloud.ask("POST", "/servers", {
      ...small,
      name: "during",
      user_data: `#${"x".repeat(30_000)}`,
    });
    const volume = await cloud.ask("POST", "/volumes", {
      name: "during",
      size: 10,
      format: "ext4",
      location: "fsn1",
    });
    for (const answer of [refused, volume]) {
      const said = answer?.status === 503 ? answer.body.error?.code : answer?.status;
      expect([201, "service_error"]).toContain(said);
    }
    expect((await cloud.list("servers")).find(({ name }) => name === "before")?.status).toBe("running");

    await rm(`${home}/rest`);
    await cloud.settled();
    // Room for the state and not for machines: what was asked for cannot be made, and says why; what was to follow has no
    // server then.
    await cloud.ask("POST", "/servers", { ...small, name: "later" });
    await cloud.settled();
    for (const { error_message: why } of cloud.failures(0))
      expect(why).toMatch(/free|full|No space|ENOSPC|not found/);
    expect((await cloud.list("servers")).map(({ name }) => name)).toEqual(["before"]);

    await rm(ballast);
    await cloud.done("POST", "/servers", { ...small, name: "after" });
    await cloud.done("POST", `/servers/${(await cloud.list("servers"))[0]?.id}/actions/reset`);
    expect(await cloud.differences()).toEqual([]);
  },
);

test("a clock that jumps, back or forth, disturbs nothing", { timeout: 3 * MINUTE }, async () => {
  const folder = await mkdtemp(`${tmpdir()}/dukaan-clock-`);
  undo.push(() => rm(folder, { recursive: true, force: true }));
  const clock = `${folder}/clock`;
  await writeFile(clock, "+0");
  const cloud = await CrashCloud.open("clock-t");
  undo.push(() => cloud.remove());
  // Its process reads the time of day as the file says; what it measures times with (monotonic) goes on as it is.
  await cloud.restartWith({
    LD_PRELOAD: "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    FAKETIME_TIMESTAMP_FILE: clock,
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  });
  await cloud.done("POST", "/servers", { ...small, name: "clock" });
  const [{ id } = { id: 0 }] = await cloud.list("servers");
  const year = () =>
    cloud.read((state) => state.get<{ t: string }>("SELECT max(started) AS t FROM actions")?.t.slice(0, 4));
  const now = new Date().getUTCFullYear();
  for (const [jump, there] of [
    ["+370d", now + 1],
    ["-740d", now - 2],
  ] as const) {
    const jumping = cloud.done("POST", `/servers/${id}/actions/reboot`);
    await writeFile(clock, jump);
    await jumping;
    await cloud.done("POST", `/servers/${id}/actions/shutdown`);
    await cloud.done("POST", `/servers/${id}/actions/poweron`);
    const answer = await cloud.ask("GET", "/servers");
    expect(answer?.status).toBe(200);
    expect(Number(year())).toBeGreaterThanOrEqual(Math.max(now, there));
    expect(await cloud.differences()).toEqual([]);
  }
});
