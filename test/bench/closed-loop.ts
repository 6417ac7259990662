import { once } from "node:events";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { connect, type Socket } from "node:net";

/** One answer as it came over the wire. */
export interface WireAnswer {
  status: number;
  /** In the order and spelling of the wire, without those that belong to the connection. */
  headers: [name: string, value: string][];
  body: string;
  /** Of head and body. */
  bytes: number;
}

const OF_THE_CONNECTION = new Set([
  "connection",
  "keep-alive",
  "date",
  "content-length",
  "transfer-encoding",
]);

/** Asks once, over a Unix socket. @throws Error when the answer has no length: this client cannot tell its end */
export async function askOnce(socketPath: string, path: string): Promise<WireAnswer> {
  const socket = connect(socketPath);
  await once(socket, "connect");
  socket.write(requestFor(path));
  let received = Buffer.alloc(0);
  for (;;) {
    const [chunk] = (await once(socket, "data")) as [Buffer];
    received = Buffer.concat([received, chunk]);
    const end = received.indexOf("\r\n\r\n");
    if (end === -1) continue;
    const [statusLine = "", ...lines] = received.toString("latin1", 0, end).split("\r\n");
    const fields = lines.map((line) => line.split(/: (.*)/s, 2) as [string, string]);
    const length = fields.find(([name]) => name.toLowerCase() === "content-length")?.[1];
    if (length === undefined) throw new Error(`${path} is answered without a content-length`);
    const bytes = end + 4 + Number(length);
    if (received.length < bytes) continue;
    socket.destroy();
    return {
      status: Number(statusLine.split(" ")[1]),
      headers: fields.filter(([name]) => !OF_THE_CONNECTION.has(name.toLowerCase())),
      body: received.toString("utf8", end + 4, bytes),
      bytes,
    };
  }
}

/**
 * Asks for one page again and again over connections that stay open, each as soon as the answer before it is there, so
 * that the server never rests. Answers must have the same number of bytes each time.
 * @returns answers received
 */
export async function askFor(
  seconds: number,
  socketPath: string,
  path: string,
  options: { connections: number; bytes: number },
): Promise<number> {
  const end = performance.now() + seconds * 1000;
  const ask = Buffer.from(requestFor(path));
  const counts = await Promise.all(
    Array.from({ length: options.connections }, async () => {
      const socket = connect(socketPath);
      await once(socket, "connect");
      return await countAnswers(socket, ask, options.bytes, end);
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

function countAnswers(socket: Socket, ask: Buffer, bytes: number, end: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let answers = 0;
    let received = 0;
    let statusIsGood = false;
    socket.on("data", (chunk) => {
      if (received === 0) statusIsGood = chunk.toString("latin1", 9, 12) === "200";
      received += chunk.length;
      if (received < bytes && statusIsGood) return;
      if (received > bytes || !statusIsGood) {
        socket.destroy();
        reject(new Error(`not the page, but ${chunk.toString("latin1").split("\r\n")[0]}`));
        return;
      }
      answers++;
      received = 0;
      if (performance.now() < end) socket.write(ask);
      else {
        socket.destroy();
        resolve(answers);
      }
    });
    socket.on("error", reject);
    socket.on("end", () => reject(new Error("the server closed the connection")));
    socket.write(ask);
  });
}

function requestFor(path: string): string {
  // The fields that nginx adds on a machine.
  return `GET ${path} HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-For: 198.51.100.7\r\nX-Request-ID: 0123456789abcdef0123456789abcdef\r\n\r\n`;
}

/** Seconds of processor time that a process has used, in all its threads, of user and system. */
export function cpuSeconds(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  // Documentation/scheduler/sched-stats.rst: the first field is nanoseconds on a processor.
  const nanoseconds = threads.map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]),
  );
  return nanoseconds.reduce((sum, time) => sum + time, 0) / 1e9;
}

/** Memory that a process holds, in MiB. */
export function residentMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

/** Waits until something listens there. @throws Error after a minute */
export async function waitForSocket(path: string): Promise<void> {
  for (let attempt = 0; attempt < 1200; attempt++) {
    if (statSync(path, { throwIfNoEntry: false })?.isSocket()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing listens on ${path}`);
}
