import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { sshKey } from "../../providers/dukaan/resources/ssh-key.js";
import { connect, NoAccessError } from "../../providers/dukaan/ssh/connect.js";
import { reveal } from "../../providers/dukaan/values.js";
import { AwsError } from "../../src/aws/error.js";
import { openTunnel } from "../../src/aws/tunnel.js";
import { projectRoot } from "../../src/project.js";
import { startEndpoint, type TestEndpoint, noCredentialsIn } from "./instance-connect.js";

const address = "10.10.2.10";
const target = { address, port: 22 };
const home = mkdtempSync(join(tmpdir(), "dukaan-aws-home-"));
let door: TestEndpoint;
const servers: ReturnType<typeof createServer>[] = [];

/** Something that answers behind the door; both ends stay open until each has been ended. */
async function behindTheDoor(answer: (socket: Socket) => void): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    answer(socket);
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  door.leads.set(`${address}:22`, { host: "127.0.0.1", port: (server.address() as AddressInfo).port });
}

const noCredentials = noCredentialsIn(home);

beforeEach(async () => {
  door = await startEndpoint();
  for (const [name, value] of Object.entries({ ...noCredentials, ...door.env })) vi.stubEnv(name, value);
});
afterEach(() => {
  vi.unstubAllEnvs();
  door.close();
  for (const server of servers.splice(0)) server.close();
  rmSync(home, { recursive: true, force: true });
});

/** The error that opening a tunnel, or what comes of it, ends with. */
async function failureOf(attempt: Promise<unknown>): Promise<Error> {
  return attempt.then(
    () => {
      throw new Error("it worked");
    },
    (error: Error) => error,
  );
}

describe("a tunnel through an EC2 Instance Connect Endpoint", () => {
  test("is asked for with a good signature, for one machine's port and an hour", async () => {
    await behindTheDoor((socket) => socket.end("SSH-2.0-test\r\n"));
    const tunnel = await openTunnel(door.endpoint, target);
    expect((await buffer(tunnel)).toString()).toBe("SSH-2.0-test\r\n");
    const [asked] = door.asked;
    expect(Object.fromEntries([...asked!].filter(([name]) => !name.startsWith("X-Amz-")))).toEqual({
      instanceConnectEndpointId: "eice-0123456789abcdef0",
      maxTunnelDuration: "3600",
      privateIpAddress: "10.10.2.10",
      remotePort: "22",
    });
  });

  test("carries many megabytes in both directions at once, unchanged", async () => {
    await behindTheDoor((socket) => void socket.pipe(socket));
    const sent = randomBytes(24 * 2 ** 20);
    const tunnel = await openTunnel(door.endpoint, target);
    const received = createHash("sha256");
    let left = sent.length;
    // In one piece, which is more than one message may have. A WebSocket has no half of it to end: it stays open.
    tunnel.write(sent);
    for await (const chunk of tunnel as AsyncIterable<Buffer>) {
      received.update(chunk);
      left -= chunk.length;
      if (left === 0) break;
    }
    expect(received.digest("hex")).toBe(createHash("sha256").update(sent).digest("hex"));
  });

  test("waits with what it sends while nobody takes it", async () => {
    let take: (socket: Socket) => void = () => {};
    const taken = new Promise<Socket>((resolve) => (take = resolve));
    await behindTheDoor((socket) => {
      socket.pause();
      take(socket);
    });
    const tunnel = await openTunnel(door.endpoint, target);
    const socket = await taken;
    const chunk = Buffer.alloc(2 ** 20, 7);
    let sent = 0;
    // Buffers of two sockets and of both WebSockets take some; not this much.
    while (sent < 64 && tunnel.write(chunk)) sent++;
    expect(sent).toBeLessThan(64);
    expect(tunnel.writableNeedDrain).toBe(true);
    socket.resume();
    await once(tunnel, "drain");
    tunnel.destroy();
  });

  test("brings to the port what was sent before it was ended here", async () => {
    const arrived = new Promise<Buffer>((resolve) => {
      void behindTheDoor((socket) => void buffer(socket).then(resolve));
    });
    await expect.poll(() => door.leads.size).toBe(1);
    const tunnel = await openTunnel(door.endpoint, target);
    tunnel.resume();
    tunnel.end(Buffer.alloc(300_000, "x"));
    expect((await arrived).length).toBe(300_000);
    await expect.poll(() => door.open.size).toBe(0);
  });

  test("that is cut in the middle ends with an error", async () => {
    await behindTheDoor((socket) => socket.write("half of it"));
    const tunnel = await openTunnel(door.endpoint, target);
    await once(tunnel, "readable");
    const failed = failureOf(buffer(tunnel));
    for (const socket of door.open) socket.terminate();
    expect((await failed).message).toBe(
      `the tunnel to ${address} through eice-0123456789abcdef0 was cut: code 1006`,
    );
  });

  test("to where nobody answers says what AWS says", async () => {
    const tunnel = await openTunnel(door.endpoint, target);
    expect((await failureOf(buffer(tunnel))).message).toMatch(/was cut: Unable to connect to target$/);
  });
});

describe("what stands in the way of a tunnel", () => {
  test("no credentials: where they are looked for, and the remedy", async () => {
    for (const [name, value] of Object.entries(noCredentials)) vi.stubEnv(name, value);
    vi.stubEnv("AWS_PROFILE", "shop");
    const error = await failureOf(openTunnel(door.endpoint, target));
    expect(error).toBeInstanceOf(AwsError);
    expect(error.message).toMatch(/^there are no credentials for AWS \(AWS_PROFILE is shop\): /);
    expect(error).toMatchObject({ final: true, remedy: expect.stringContaining("aws sso login") });
    expect(door.asked).toEqual([]);
  });

  test("credentials that are not good: what AWS says, and the permission that is needed", async () => {
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "SENTINEL-another");
    const error = await failureOf(openTunnel(door.endpoint, target));
    expect(error.message).toBe(
      `the endpoint eice-0123456789abcdef0 in us-east-1 opens no tunnel to ${address} port 22: ` +
        'HTTP 403, {"Message":"the signature does not match"}',
    );
    expect(error).toMatchObject({
      final: true,
      remedy: expect.stringContaining("ec2-instance-connect:OpenTunnel"),
    });
    expect(JSON.stringify(error) + error.stack).not.toMatch(/SENTINEL|X-Amz-/);
  });

  test.each([
    ["no such endpoint, or not yet", 404],
    ["an endpoint that is not ready, or has enough tunnels", 503],
  ])("%s: HTTP %i, which may pass", async (_, status) => {
    door.refuse = { status, body: `${"long ".repeat(5000)}end` };
    const error = await failureOf(openTunnel(door.endpoint, target));
    expect(error.message).toContain(`HTTP ${status}, long long`);
    expect(error.message.length).toBeLessThan(700);
    expect(error).toMatchObject({ final: false, remedy: expect.stringContaining("20 tunnels") });
  });

  test("nobody there, or somebody whose certificate is not good", async () => {
    vi.stubEnv("AWS_CA_BUNDLE", undefined);
    const stranger = await failureOf(openTunnel(door.endpoint, target));
    expect(stranger.message).toMatch(/^the endpoint 127\.0\.0\.1:\d+ is not reached: .*certificate/);
    vi.stubEnv("AWS_CA_BUNDLE", door.env["AWS_CA_BUNDLE"]);
    const nobody = await failureOf(openTunnel({ ...door.endpoint, dnsName: "127.0.0.1:1" }, target));
    expect(nobody.message).toMatch(/is not reached: connect ECONNREFUSED/);
    expect(nobody).toMatchObject({ final: false, remedy: expect.stringContaining("AWS_CA_BUNDLE") });
  });

  test("somebody who does not want it any more", async () => {
    const controller = new AbortController();
    controller.abort(new Error("not wanted"));
    expect((await failureOf(openTunnel(door.endpoint, target, controller.signal))).message).toBe(
      "not wanted",
    );
  });
});

describe("a login through a tunnel", () => {
  const attempt = async (seconds: number) => {
    const { outputs } = await sshKey.create(
      { comment: "test" },
      { preview: false, signal: new AbortController().signal, log: () => {}, progress: () => {} },
    );
    const { publicKey, privateKey } = reveal(outputs) as { publicKey: string; privateKey: string };
    const endpoint = { host: address, port: 22, user: "root", hostKey: publicKey, privateKey };
    const patience = { seconds, booting: true, signal: new AbortController().signal, onWait: () => {} };
    return failureOf(connect({ ...endpoint, tunnel: door.endpoint }, patience));
  };

  test("is tried again while nobody answers, and says through which endpoint", async () => {
    const error = await attempt(3);
    expect(error).toBeInstanceOf(NoAccessError);
    expect(error.message).toMatch(
      /cannot reach 10\.10\.2\.10 port 22 through eice-0123456789abcdef0: .*Unable to connect to target \(tried for \d+ s\).*security group/,
    );
    expect(door.asked.length).toBeGreaterThan(1);
  });

  test("is not tried again without the permission", async () => {
    door.refuse = { status: 403, body: "AccessDenied" };
    const started = Date.now();
    const error = await attempt(60);
    expect(error).toBeInstanceOf(NoAccessError);
    expect(error.message).toContain("HTTP 403, AccessDenied");
    expect(Date.now() - started).toBeLessThan(30_000);
  });
});

describe("./dukaan ssh-proxy", () => {
  const main = join(projectRoot, "dist/src/cli/main.js");
  const words = () => [
    main,
    "ssh-proxy",
    `--endpoint=${door.endpoint.endpointId}`,
    `--dns-name=${door.endpoint.dnsName}`,
    `--region=${door.endpoint.region}`,
  ];
  const env = () => ({ ...noCredentials, ...door.env });

  test("connects standard input and output with a machine's port, and ends with it", async () => {
    await behindTheDoor((socket) => socket.once("data", (data) => socket.end(`you said ${String(data)}`)));
    const running = execa(process.execPath, [...words(), address, "22"], { env: env() });
    running.stdin.write("hello");
    // Its input stays open: ssh keeps it, too.
    expect(await running).toMatchObject({ stdout: "you said hello", stderr: "", exitCode: 0 });
  });

  test("ends with its input, and the tunnel with it", async () => {
    await behindTheDoor((socket) => void socket.resume());
    const result = await execa(process.execPath, [...words(), address, "22"], { env: env(), input: "hello" });
    expect(result.exitCode).toBe(0);
    await expect.poll(() => door.open.size).toBe(0);
  });

  test.each([
    [["app-1", "22"], 2, /address is "app-1"/],
    [[address, "0"], 2, /port is "0"/],
    [[address, "22"], 1, /was cut: Unable to connect to target\nRun the same command again/],
  ])("with %j ends with %i and says why", async (rest, exitCode, message) => {
    const result = await execa(process.execPath, [...words(), ...rest], { env: env(), reject: false });
    expect(result.exitCode).toBe(exitCode);
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toMatch(/\n\s+at /);
  });
});
