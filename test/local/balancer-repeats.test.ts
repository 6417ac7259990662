import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, request, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { serverCertificate, type ServerCertificate } from "../../local/storage/certificate.js";
import { haproxy } from "../../src/roles/haproxy/index.js";

// Which requests the balancer sends a second time, to another app server. HAProxy with the role's own configuration, before
// two servers, one of which fails whatever it is asked and says that it is well.

const addresses = { good: "127.0.0.2", broken: "127.0.0.3" };

let folder: string;
let front: { port: number; authority: string };
let stopBalancer: () => Promise<void>;
const servers: Server[] = [];
/** Requests by where they arrived. */
const arrived: Record<keyof typeof addresses, string[]> = { good: [], broken: [] };
let failure: "answers 500" | "closes the connection";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dukaan-balancer-"));
  const certificates = {
    front: await serverCertificate("front", "127.0.0.1"),
    good: await serverCertificate("good", addresses.good),
    broken: await serverCertificate("broken", addresses.broken),
  };
  const port = await listen("good", certificates.good);
  await listen("broken", certificates.broken, port);
  front = { port: await freePort(certificates.front), authority: certificates.front.authority };

  const { chain: certificate, privateKey } = certificates.front;
  const role = haproxy({
    machine: { cores: 1, memoryMiB: 1024 },
    servers: Object.entries(addresses).map(([name, address]) => ({
      name,
      hostname: address,
      privateAddress: address,
    })),
    port,
    authority: certificates.good.authority + certificates.broken.authority,
    public: { certificate, privateKey },
    strictTransport: false,
  });
  await writeFile(join(folder, "front.pem"), certificate + privateKey);
  await writeFile(
    join(folder, "authorities.pem"),
    certificates.good.authority + certificates.broken.authority,
  );
  await writeFile(join(folder, "haproxy.cfg"), onLoopback(await fileOf(role, "/etc/haproxy/haproxy.cfg")));
  const balancer = execa("haproxy", ["-db", "-f", join(folder, "haproxy.cfg")], {
    env: { DUKAAN_ROOT: folder },
    reject: false,
    stderr: "inherit",
  });
  stopBalancer = async () => {
    balancer.kill();
    await balancer;
  };
  await vi.waitUntil(
    () =>
      ask("GET", "/first").then(
        (status) => status === 200,
        () => false,
      ),
    {
      timeout: 30_000,
    },
  );
});
beforeEach(() => {
  arrived.good = [];
  arrived.broken = [];
});
afterAll(async () => {
  await stopBalancer?.();
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
  await rm(folder, { recursive: true, force: true });
});

for (const how of ["answers 500", "closes the connection"] as const) {
  it(`sends a read again, and a write never, when a server ${how}`, async () => {
    failure = how;
    const answers: Record<string, number[]> = { GET: [], POST: [] };
    // One method after the other: in turns, each of them could meet the same server every time.
    for (const method of ["GET", "POST"]) {
      for (let number = 0; number < 20; number++)
        answers[method]!.push(await ask(method, `/${method}-${number}`));
    }
    expect(answers["GET"]).toEqual(Array.from({ length: 20 }, () => 200));
    const failed = answers["POST"]!.filter((status) => status !== 200);

    const [reads, writes] = ["GET", "POST"].map((method) =>
      arrived.broken.filter((path) => path.startsWith(`/${method}`)),
    );
    expect(reads!.length).toBeGreaterThan(0);
    expect(arrived.good).toEqual(expect.arrayContaining(reads!));
    expect(writes!.length).toBeGreaterThan(0);
    expect(failed).toHaveLength(writes!.length);
    expect(arrived.good.filter((path) => writes!.includes(path))).toEqual([]);
    expect(new Set(arrived.broken).size).toBe(arrived.broken.length);
  });
}

async function listen(
  name: keyof typeof addresses,
  certificate: ServerCertificate,
  port = 0,
): Promise<number> {
  const server = createServer({ cert: certificate.chain, key: certificate.privateKey }, (asked, answer) => {
    if (asked.url === "/rotation") {
      answer.end();
      return;
    }
    arrived[name].push(asked.url!);
    asked.resume();
    if (name === "good" || failure === undefined) answer.end("here you are");
    else if (failure === "answers 500") answer.writeHead(500).end();
    else asked.socket.destroy();
  });
  servers.push(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(port, addresses[name], resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** One that nobody listens on right now. */
async function freePort({ chain, privateKey }: ServerCertificate): Promise<number> {
  const server = createServer({ cert: chain, key: privateKey });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}

/** The role's configuration, with nothing changed but where it listens, and whose files it reads. */
function onLoopback(configuration: string): string {
  return configuration
    .replace(/^( *bind .*\n)+/m, `  bind 127.0.0.1:${front.port} ssl crt ${join(folder, "front.pem")}\n`)
    .replaceAll(/^ *(user|group|chroot|stats socket|http-error) .*\n/gm, "")
    .replaceAll("${DUKAAN_ROOT}/etc/haproxy/tls/authority.pem", join(folder, "authorities.pem"));
}

async function fileOf(role: ReturnType<typeof haproxy>, path: string): Promise<string> {
  const content = role.files?.find((file) => file.path === path)?.content;
  return new Promise((resolve) => {
    pulumi.output(content).apply((text) => resolve(text as string));
  });
}

async function ask(method: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asking = request(
      {
        host: "127.0.0.1",
        port: front.port,
        method,
        path,
        ca: front.authority,
        agent: false,
        timeout: 10_000,
      },
      (answer) => {
        answer.resume();
        answer.on("end", () => resolve(answer.statusCode!)).on("error", reject);
      },
    );
    asking.on("timeout", () => asking.destroy(new Error("no answer within 10 s")));
    asking.on("error", reject).end();
  });
}
