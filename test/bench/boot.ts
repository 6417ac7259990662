// POST /servers of the local cloud until SSH answers, against the least shell script that boots the same image.
// Needs root: node dist/test/bench/boot.js
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import { execa } from "execa";
import { startLocalCloud, stopLocalCloud } from "../../local/client.js";
import { ensureImage } from "../../local/image/image.js";
import { sshAnswers } from "../../src/cli/ssh-answers.js";
import { projectRoot } from "../../src/project.js";
import { compare } from "./compare.js";

interface Created {
  server: { id: number; public_net: { ipv4: { ip: string } } };
}

const instance = "bench";
const note = (message: string) => process.stderr.write(`${message}\n`);
const cloud = await startLocalCloud({ instance, onProgress: note });
const { path: image } = await ensureImage(note);

const call = (method: string, path: string, body?: object) =>
  fetch(`${cloud.endpoint}${path}`, {
    method,
    headers: { authorization: `Bearer ${cloud.token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

let count = 0;
async function bootThroughApi(): Promise<number> {
  const started = performance.now();
  count += 1;
  const answer = await call("POST", "/servers", {
    name: `bench-${count}`,
    server_type: "cx23",
    image: "debian-12",
    location: "fsn1",
  });
  if (!answer.ok) throw new Error(`POST /servers: ${answer.status} ${await answer.text()}`);
  const { server } = (await answer.json()) as Created;
  while (!(await sshAnswers(server.public_net.ipv4.ip))) await sleep(10);
  const seconds = (performance.now() - started) / 1000;
  await call("DELETE", `/servers/${server.id}`);
  while ((await call("GET", `/servers/${server.id}`)).status !== 404) await sleep(50);
  return seconds;
}

async function bootBare(): Promise<number> {
  const { stdout } = await execa("bash", [join(projectRoot, "test/bench/bare-boot.sh"), image]);
  return Number(stdout);
}

try {
  await compare(
    { name: "POST /servers until SSH answers", run: bootThroughApi },
    { name: "bare script, same image, until SSH answers", run: bootBare },
    Number(process.env["ROUNDS"] ?? 5),
  );
} finally {
  await stopLocalCloud(instance, { onProgress: note });
}
