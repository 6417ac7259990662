import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import { execa } from "execa";
import { fastify } from "fastify";
import { pino } from "pino";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Door, doorPidFile } from "../../local/api/door.js";
import { API_PORT } from "../../local/machines/firewall.js";
import { processOf } from "../../local/machines/pid-file.js";
import { type ObjectStorage, readObjectStorage, storageFiles } from "../../local/storage/access.js";
import { serverCertificate } from "../../local/storage/certificate.js";
import { StorageServer } from "../../local/storage/server.js";
import { ensureVersitygw } from "../../toolchain/index.js";
import { reaches } from "../../local/machines/reaches.js";
import { type MachineLab, machineReaches, machineSpec, openLab, soon, until } from "./machine-lab.js";

// The object storage of a local cloud: who reaches it, what it survives, what is left of it. The tests build on one another.

let lab: MachineLab;
let folder: string;
let server: StorageServer;
let storage: ObjectStorage;

beforeAll(async () => {
  lab = await openLab("storage");
  folder = join(lab.home, "objects");
  server = await openStorage();
  storage = (await readObjectStorage(folder))!;
  await lab.host.createMachine(await machineSpec(lab, "1"));
  await lab.host.startMachine("1");
});
afterAll(async () => {
  server?.close();
  await lab?.remove();
});

it("keeps objects for those who have its keys and trust its authority", async () => {
  expect(await request("PUT", "/shop-backups")).toBe("200");
  expect(await request("PUT", "/shop-backups")).toBe("409");
  expect(await request("HEAD", "/shop-backups")).toBe("200");
  expect(await request("HEAD", "/nobody-s-bucket")).toBe("404");
  expect(await request("HEAD", "/shop-backups", { ...storage, secretKey: "wrong" })).toBe("403");
  // Another authority of the same name: curl ends before it sends anything.
  const other = (await serverCertificate("Object storage of the local cloud storage", "203.0.113.2"))
    .authority;
  expect(await request("HEAD", "/shop-backups", { ...storage, caCertificate: other })).toBe("000");
});

it("has an account for pictures, which makes buckets of its own and reaches no other", async () => {
  const pictures = { ...storage, ...storage.images };
  expect(storage.images.accessKey).not.toBe(storage.accessKey);
  expect(await request("PUT", "/shop-images", pictures)).toBe("200");
  expect(await request("HEAD", "/shop-images", pictures)).toBe("200");
  expect(await request("PUT", "/shop-images/a-picture", pictures)).toBe("200");
  for (const path of ["/shop-backups", "/shop-backups/anything"])
    expect(await request("HEAD", path, pictures)).toBe("403");
  expect(await request("PUT", "/shop-backups/anything", pictures)).toBe("403");
  expect(await request("HEAD", "/shop-images", { ...pictures, secretKey: "wrong" })).toBe("403");
});

it("is reached from machines and from this computer; nothing else of the world is", async () => {
  const address = new URL(storage.endpoint).hostname;
  expect(address).toBe(lab.instance.addresses.worldIpv4);
  await expect.poll(() => reaches(address, 443), soon).toBe(true);
  await expect.poll(() => machineReaches(lab, "1", address, 443), soon).toBe(true);
  for (const port of [22, 80, 8470]) expect(await machineReaches(lab, "1", address, port)).toBe(false);
  expect(await machineReaches(lab, "1", lab.instance.addresses.hostIpv4, 443)).toBe(false);
});

it("is behind a firewall's outbound rules, as anything public is", async () => {
  const address = new URL(storage.endpoint).hostname;
  const allow = (port: string) => ({
    inbound: [],
    outbound: [{ protocol: "tcp" as const, remotes: ["0.0.0.0/0"], port }],
  });
  await lab.host.setFirewall("1", allow("80"));
  expect(await machineReaches(lab, "1", address, 443)).toBe(false);
  await lab.host.setFirewall("1", allow("443"));
  await expect.poll(() => machineReaches(lab, "1", address, 443), soon).toBe(true);
  await lab.host.setFirewall("1", undefined);
});

it("shows its keys to nobody but root, and has no rights of its own", async () => {
  const pid = await processId();
  const command = await readFile(`/proc/${pid}/cmdline`, "utf8");
  expect(command).toContain("versitygw");
  expect(command).not.toContain(storage.accessKey);
  expect(command).not.toContain(storage.secretKey);
  const files = storageFiles(folder);
  for (const file of [files.access, files.privateKey, `${files.accounts}/users.json`])
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  expect(status).toMatch(/^CapEff:\s+0+$/m);
  expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
});

it("is started again when it ends, with everything in it", async () => {
  const before = await processId();
  process.kill(before, "SIGKILL");
  await until(async () => (await request("HEAD", "/shop-backups")) === "200");
  expect(await processId()).not.toBe(before);
  expect(await readObjectStorage(folder)).toEqual(storage);
});

it("goes on while the local cloud's server is away, and is taken over by the next one", async () => {
  const before = await processId();
  server.close();
  expect(await request("HEAD", "/shop-backups")).toBe("200");
  server = await openStorage();
  expect(await processId()).toBe(before);
  // It is looked after again.
  process.kill(before, "SIGKILL");
  await until(async () => (await request("HEAD", "/shop-backups")) === "200");
});

it("lends its certificate to the API's door for machines, which is replaced when that has changed", async () => {
  const address = lab.instance.addresses.worldIpv4;
  const certificate = () => serverCertificate("Door of the test", address);
  const [first, second] = [await certificate(), await certificate()];
  const objects = join(lab.home, "door");
  await mkdir(objects);
  const app = fastify().withTypeProvider<TypeBoxTypeProvider>();
  app.get("/", () => "open");
  await app.ready();
  /** Opens a door; its process, and what it says to who trusts the first authority, and the second. */
  const opened = async ({ chain, privateKey }: typeof first) => {
    const files = storageFiles(objects);
    await writeFile(files.certificate, chain);
    await writeFile(files.privateKey, privateKey);
    const door = new Door({ instance: lab.instance, objects, logger: pino({ level: "silent" }) });
    await door.open(app);
    try {
      const said = await Promise.all([first, second].map(({ authority }) => askDoor(address, authority)));
      return { pid: await processOf(doorPidFile(lab.instance)), said };
    } finally {
      door.close();
    }
  };
  const before = await opened(first);
  expect(before.said).toEqual(["open", ""]);
  expect(await opened(first)).toEqual(before);
  const after = await opened(second);
  expect(after.said).toEqual(["", "open"]);
  expect(after.pid).not.toBe(before.pid);
  await expect.poll(() => machineReaches(lab, "1", address, API_PORT), soon).toBe(true);
  const files = (await readdir(lab.instance.runFolder)).filter((name) => /^api.*\.(pem|cfg)$/.test(name));
  expect(files).toHaveLength(2);
});

it("outlives servers, and ends with the cloud", async () => {
  await lab.host.removeMachine("1");
  expect(await request("HEAD", "/shop-backups")).toBe("200");
  const last = await processId();
  server.close();
  await lab.host.down();
  await expect(readFile(`/proc/${last}/cmdline`)).rejects.toThrow(/ENOENT|ESRCH/);
});

async function openStorage(): Promise<StorageServer> {
  const opened = new StorageServer({
    instance: lab.instance,
    folder,
    program: await ensureVersitygw(),
    logger: pino({ level: "silent" }),
  });
  await opened.start();
  return opened;
}

async function processId(): Promise<number> {
  const [pid = ""] = (await readFile(join(lab.instance.runFolder, "storage.pid"), "utf8")).split(" ");
  return Number(pid);
}

/** What the API's door answers to those who trust an authority; empty when they do not trust it. */
async function askDoor(address: string, authority: string): Promise<string> {
  const file = join(lab.home, `door-${createHash("sha256").update(authority).digest("hex")}.pem`);
  await writeFile(file, authority);
  const { stdout } = await execa(
    "curl",
    ["--silent", "--max-time", "10", "--cacert", file, `https://${address}:${API_PORT}/`],
    { reject: false },
  );
  return stdout;
}

/** A signed request without a body; its status, "000" without an answer. */
async function request(method: "PUT" | "HEAD", path: string, as = storage): Promise<string> {
  const nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  const authority = join(lab.home, "authority.pem");
  await writeFile(authority, as.caCertificate);
  const { stdout } = await execa("curl", ["--config", "-"], {
    reject: false,
    input: [
      `user = "${as.accessKey}:${as.secretKey}"`,
      `aws-sigv4 = "aws:amz:${as.region}:s3"`,
      `header = "x-amz-content-sha256: ${nothing}"`,
      `cacert = "${authority}"`,
      `url = "${as.endpoint}${path}"`,
      method === "HEAD" ? "head" : `request = "${method}"`,
      'output = "/dev/null"',
      'write-out = "%{http_code}"',
      "silent",
      "max-time = 5",
    ].join("\n"),
  });
  return stdout;
}
