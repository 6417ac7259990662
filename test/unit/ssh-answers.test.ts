import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { untilSshAnswers } from "../../src/cli/ssh-answers.js";

/** A server that says something to each who comes; @returns its port */
async function saying(words: (visit: number) => string): Promise<number> {
  let visits = 0;
  const server = createServer((socket) => socket.end(words(++visits))).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

test("waits until it is an SSH server that answers", async () => {
  let visits = 0;
  const port = await saying((visit) => {
    visits = visit;
    return visit < 3 ? "" : "SSH-2.0-OpenSSH_9.2\r\n";
  });
  await untilSshAnswers("127.0.0.1", 60, port);
  expect(visits).toBe(3);
});

test("gives up without an error", async () => {
  const port = await saying(() => "220 mail\r\n");
  const started = Date.now();
  await untilSshAnswers("127.0.0.1", 0.6, port);
  expect(Date.now() - started).toBeGreaterThanOrEqual(600);
});
