import { existsSync, readFileSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import {
  inspectHost,
  localCloudStatus,
  localCloudTraces,
  logsOf,
  pauseLocalCloud,
  shellOn,
  startLocalCloud,
  stopLocalCloud,
  type LocalCloud,
} from "../../local/client.js";
import { projectRoot } from "../../local/machines/project-root.js";
import { slotsInUse } from "../../local/machines/slots.js";
import { reaches } from "../../local/machines/reaches.js";
import { makeLabFolder } from "../lab-folder.js";
import { key, ssh, until } from "./machine-lab.js";

const instance = "api-real";
const program = join(projectRoot(), "dist/local/server.js");
let home: string;
let cloud: LocalCloud;

interface Answer {
  server: { id: number; name: string; status: string; public_net: { ipv4: { ip: string } } };
  action: { id: number };
  next_actions: { id: number }[];
  ssh_key: { id: number };
}

async function call(method: string, path: string, body?: object): Promise<Answer> {
  const response = await fetch(`${cloud.endpoint}${path}`, {
    method,
    headers: { authorization: `Bearer ${cloud.token}` },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  const answer: Answer = JSON.parse(text === "" ? "{}" : text);
  return answer;
}

async function finished({ id }: { id: number }): Promise<void> {
  await until(async () => {
    const response = await fetch(`${cloud.endpoint}/actions/${id}`, {
      headers: { authorization: `Bearer ${cloud.token}` },
    });
    const { action }: { action: { status: string; error: { message: string } | null } } = JSON.parse(
      await response.text(),
    );
    if (action.status === "error") throw new Error(action.error?.message);
    return action.status === "success";
  });
}

async function makeServer(name: string, more: object = {}): Promise<Answer["server"]> {
  const body = { name, server_type: "local-512", image: "debian-12", ssh_keys: ["operator"], ...more };
  const { server, action, next_actions: next } = await call("POST", "/servers", body);
  for (const one of [action, ...next]) await finished(one);
  return server;
}

const act = async (id: number, action: string): Promise<void> =>
  finished((await call("POST", `/servers/${id}/actions/${action}`)).action);
/** When the machine's init was started. */
const begun = (ip: string): Promise<string> => ssh(ip, "cut -d' ' -f22 /proc/1/stat");
const statusOf = async (id: number): Promise<string> => (await call("GET", `/servers/${id}`)).server.status;
const start = () => startLocalCloud({ instance, onProgress: () => {} });

beforeAll(async () => {
  if (!existsSync(program)) throw new Error(`${program} is missing: run npm run build`);
  home = await makeLabFolder("/var/lib");
  process.env["DUKAAN_LOCAL_HOME"] = home;
  cloud = await start();
  await call("POST", "/ssh_keys", { name: "operator", public_key: key.public });
});
afterAll(async () => {
  await stopLocalCloud(instance, { onProgress: () => {} });
  delete process.env["DUKAAN_LOCAL_HOME"];
  await rm(home, { recursive: true, force: true });
});

describe("the local cloud's process", () => {
  test("is found by whoever starts it again, and says where it is", async () => {
    expect(cloud).toMatchObject({ instance, alreadyRunning: false });
    expect(await start()).toEqual({ ...cloud, alreadyRunning: true });
    const folder = join(home, instance);
    const mode = (name: string) => (statSync(join(folder, name)).mode & 0o777).toString(8);
    expect(["token", "state.db", "server.log", "endpoint.json"].map(mode)).toEqual([
      "600",
      "600",
      "600",
      "644",
    ]);
    expect(readFileSync(join(folder, "endpoint.json"), "utf8")).not.toContain(cloud.token);
    expect(readFileSync(`/proc/${cloud.pid}/cmdline`, "utf8")).not.toContain(cloud.token);
    expect(await localCloudStatus(instance)).toEqual({
      running: true,
      endpoint: cloud.endpoint,
      port: cloud.port,
      pid: cloud.pid,
      objectStorage: cloud.objectStorage.endpoint,
      servers: [],
    });
  });

  test("does not run twice", async () => {
    const second = await execa(process.execPath, [program, "--instance", instance, "--home", home], {
      reject: false,
    });
    expect(second.exitCode).toBe(1);
    expect(second.stdout).toContain(`runs already, as process ${cloud.pid}`);
  });

  test("runs once when it is started twice at the same time", async () => {
    onTestFinished(() => stopLocalCloud("api-twice", { onProgress: () => {} }));
    const twice = [1, 2].map(() =>
      execa(process.execPath, [program, "--instance", "api-twice", "--home", home], { reject: false }),
    );
    const second = await Promise.race(twice);
    expect(second.exitCode).toBe(1);
    expect(second.stdout).toContain("runs already, as process");
    expect((await localCloudStatus("api-twice")).running).toBe(true);
    await stopLocalCloud("api-twice", { onProgress: () => {} });
    await Promise.all(twice);
    expect(await localCloudTraces("api-twice")).toEqual([]);
  });

  test("is refused elsewhere under the same name, and loses nothing by that", async () => {
    const elsewhere = ["--instance", instance, "--home", join(home, "elsewhere")];
    const { exitCode, stdout } = await execa(process.execPath, [program, ...elsewhere], { reject: false });
    expect(exitCode).toBe(1);
    expect(stdout).toContain(`with its state in ${home}`);
    expect(existsSync(join(home, "elsewhere", instance))).toBe(false);
    expect((await slotsInUse()).map((slot) => slot.instance)).toContain(instance);
  });

  test("names who has its port", async () => {
    await pauseLocalCloud(instance);
    const other = createServer();
    await new Promise<void>((resolve) => void other.listen(cloud.port, "127.0.0.1", resolve));
    await expect(start()).rejects.toThrow(
      new RegExp(
        `port ${cloud.port} of 127.0.0.1.* is taken by process ${process.pid} .*kill ${process.pid}`,
      ),
    );
    await new Promise((resolve) => void other.close(resolve));
    cloud = await start();
    expect(cloud.alreadyRunning).toBe(false);
  });

  test("that cannot start leaves nothing behind", async () => {
    const options = ["--instance", "api-port", "--home", home, "--port", String(cloud.port)];
    const { exitCode } = await execa(process.execPath, [program, ...options], { reject: false });
    expect(exitCode).toBe(1);
    expect(existsSync(join(home, "api-port"))).toBe(false);
    expect(await localCloudTraces("api-port")).toEqual([]);
  });

  test("is for root, and says so before it changes anything", async () => {
    const getuid = vi.spyOn(process, "getuid").mockReturnValue(1000);
    const refused = startLocalCloud({ instance: "api-user", onProgress: () => {} });
    await expect(refused).rejects.toMatchObject({ remedy: "Run: sudo ./dukaan local up" });
    await expect(stopLocalCloud(instance, { onProgress: () => {} })).rejects.toMatchObject({
      remedy: "Run: sudo ./dukaan local down",
    });
    getuid.mockRestore();
    expect(existsSync(join(home, "api-user"))).toBe(false);
    expect((await localCloudStatus("api-user")).running).toBe(false);
    await stopLocalCloud("api-user", { onProgress: () => {} });
  });

  test("sees what this computer has", async () => {
    const report = await inspectHost();
    expect(report.filter(({ ok }) => !ok)).toEqual([]);
    expect(report.map(({ tool }) => tool)).toContain("base image debian-12");
  });
});

describe("a server", () => {
  let server: Answer["server"];
  let ip: string;
  beforeAll(async () => {
    server = await makeServer("life", { user_data: "#cloud-config\nruncmd: [[touch, /root/made]]\n" });
    ip = server.public_net.ipv4.ip;
  });

  test("answers by SSH to the key it was made with", async () => {
    expect(await ssh(ip, "hostname")).toBe("life\n");
    await until(async () => (await ssh(ip, "ls /root")).includes("made"));
    expect(Number(await ssh(ip, "awk '/MemTotal/ { print $2 }' /proc/meminfo"))).toBe(512 * 1024);
    const [shell, ...args] = await shellOn(instance, "life", ["hostname"]);
    expect((await execa(shell!, args)).stdout).toBe("life");
    const [tail, ...file] = await logsOf(instance, undefined);
    expect((await execa(tail!, file)).stdout).toContain("start_server done");
  });

  test("keeps its disk over a reboot and a cut of its power", async () => {
    await ssh(ip, "echo kept >/root/file; sync");
    const first = await begun(ip);
    await act(server.id, "reboot");
    expect(await begun(ip)).not.toBe(first);
    await act(server.id, "poweroff");
    expect(await statusOf(server.id)).toBe("off");
    expect(await reaches(ip, 22)).toBe(false);
    await act(server.id, "poweron");
    expect(await ssh(ip, "cat /root/file")).toBe("kept\n");
  });

  test("that switches itself off is off", async () => {
    await ssh(ip, "systemctl poweroff");
    await until(async () => (await statusOf(server.id)) === "off");
    await act(server.id, "poweron");
    expect(await statusOf(server.id)).toBe("running");
  });

  test("goes on running without the cloud's process, and is adopted by the next", async () => {
    const first = await begun(ip);
    expect(await pauseLocalCloud(instance)).toBe(true);
    expect((await localCloudStatus(instance)).running).toBe(false);
    expect(await begun(ip)).toBe(first);
    const again = await start();
    expect(again).toMatchObject({ port: cloud.port, token: cloud.token, alreadyRunning: false });
    cloud = again;
    expect(await statusOf(server.id)).toBe("running");
    expect(await begun(ip)).toBe(first);
  });

  test("that is being made when the process is killed is made by the next", async () => {
    const body = { name: "half", server_type: "local-512", image: "debian-12", ssh_keys: ["operator"] };
    const made = await call("POST", "/servers", body);
    process.kill(cloud.pid, "SIGKILL");
    cloud = await start();
    for (const action of [made.action, ...made.next_actions]) await finished(action);
    expect(await ssh(made.server.public_net.ipv4.ip, "hostname")).toBe("half\n");
    await finished((await call("DELETE", `/servers/${made.server.id}`)).action);
    expect((await localCloudStatus(instance)).servers.map(({ name }) => name)).toEqual(["life"]);
  });

  test("that is deleted leaves no trace", async () => {
    await finished((await call("DELETE", `/servers/${server.id}`)).action);
    expect((await localCloudTraces(instance)).filter((trace) => trace.includes(String(server.id)))).toEqual(
      [],
    );
    expect(await reaches(ip, 22)).toBe(false);
  });
});

test("a local cloud that is removed leaves no trace", async () => {
  // As long as the API allows is longer than a kernel's host name may be.
  await makeServer(`last.${"long".repeat(15)}.example`);
  process.kill(cloud.pid, "SIGKILL");
  await stopLocalCloud(instance, { onProgress: () => {} });
  expect(await localCloudTraces(instance)).toEqual([]);
  expect(existsSync(join(home, instance))).toBe(false);
});
