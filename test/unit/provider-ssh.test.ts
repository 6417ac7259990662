import { createServer, type AddressInfo, type Socket } from "node:net";
import { expect, test } from "vitest";
import { connect, NoAccessError } from "../../providers/dukaan/ssh/connect.js";
import { sshKey } from "../../providers/dukaan/resources/ssh-key.js";
import { reveal } from "../../providers/dukaan/values.js";

/** Tries to log in where something answers that is no SSH server, for three seconds: a busy computer needs one for a few attempts. */
async function attempt(answer: (socket: Socket) => void): Promise<{ error: unknown; connections: number }> {
  const { outputs } = await sshKey.create(
    { comment: "test" },
    { preview: false, signal: new AbortController().signal, log: () => {}, progress: () => {} },
  );
  const { publicKey, privateKey } = reveal(outputs) as { publicKey: string; privateKey: string };
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.on("error", () => {});
    answer(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const endpoint = { host: "127.0.0.1", port, user: "root", hostKey: publicKey, privateKey };
    const patience = { seconds: 3, booting: true, signal: new AbortController().signal, onWait: () => {} };
    const error = await connect(endpoint, patience).catch((reason: unknown) => reason);
    return { error, connections };
  } finally {
    server.close();
  }
}

// What fails twice on one connection (a reset, and its end before the handshake) once ended the whole provider.
test.concurrent.each([
  ["resets the connection", (socket: Socket) => socket.resetAndDestroy()],
  ["resets it a moment later", (socket: Socket) => setTimeout(() => socket.resetAndDestroy(), 20)],
  ["ends it", (socket: Socket) => socket.end()],
  ["speaks another protocol", (socket: Socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")],
])("a machine that %s is tried again, and the error says so in the end", async (_, answer) => {
  const { error, connections } = await attempt(answer);
  expect(error).toBeInstanceOf(NoAccessError);
  expect(String(error)).toMatch(/cannot reach 127\.0\.0\.1 port \d+: .* \(tried for \d+ s\)/);
  expect(connections).toBeGreaterThan(1);
});
