import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seededRandom } from "../../apps/api/seed/random.js";
import { leaderOf } from "../../local/machines/nspawn.js";
import { startTimeOf } from "../../local/machines/pid-file.js";
import { CrashCloud } from "./crash-cloud.js";
import { BYSTANDER, operations, type Request, useChance } from "./crash-operations.js";
import { worldOf } from "./crash-world.js";

/** What is chosen at random follows from it, as far as the computer's speed has no part in it: DUKAAN_SEED=… */
const seed = Number(process.env["DUKAAN_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
const chance = seededRandom(seed);
useChance(chance);
/** How often the process is killed; DUKAAN_LONG=1 for the long form. */
const rounds = process.env["DUKAAN_LONG"] === "1" ? 220 : 10;
const MINUTE = 60_000;

let cloud: CrashCloud;
let bystander: number;

beforeAll(async () => {
  cloud = await CrashCloud.open("crash-t");
  const subnets = [{ type: "cloud", network_zone: "eu-central", ip_range: "10.0.0.0/24" }];
  await cloud.call("POST", "/networks", { name: "first", ip_range: "10.0.0.0/16", subnets });
  await cloud.call("POST", "/firewalls", { name: "first" });
  await cloud.call("POST", "/floating_ips", { type: "ipv4", home_location: "fsn1" });
  for (const name of [BYSTANDER, "first"]) {
    const body = { name, server_type: "local-512", image: "debian-12", ssh_keys: ["operator"] };
    await cloud.done("POST", "/servers", { ...body, labels: { app: "web" }, location: "fsn1" });
  }
  bystander = (await cloud.list("servers")).find(({ name }) => name === BYSTANDER)?.id ?? 0;
}, 5 * MINUTE);
afterAll(async () => cloud?.remove(), MINUTE);

const leader = async (id: number): Promise<number> => {
  const pid = await leaderOf(await cloud.instance(), String(id));
  if (pid === undefined) throw new Error(`server ${id} does not run`);
  return pid;
};

test(
  `killed ${rounds} times at any point, it comes up with state and computer agreeing`,
  { timeout: 5 * rounds * MINUTE },
  async () => {
    const begun = await startTimeOf(await leader(bystander));
    /** How often the process was killed while an action of the command ran; and how long one takes, learned. */
    const hits = new Map(Object.keys(operations).map((command) => [command, 0]));
    const within = new Map(Object.keys(operations).map((command) => [command, 500]));
    process.stderr.write(`DUKAAN_SEED=${seed}\n`);
    const findings: string[] = [];
    let inTheMiddle = 0;
    // Where chance has it that too few hit anything, there are more of them: three in ten do, so that of five times as
    // many too few do hardly ever.
    const isEnough = (round: number) => round > 5 * rounds || (round > rounds && inTheMiddle > rounds / 3);
    let round = 1;
    for (; !isEnough(round); round++) {
      const world = await worldOf(cloud);
      const chosen: [command: string, request: Request][] = [];
      const touched = new Set<number>();
      const wanted = 1 + Math.floor(chance() * 3);
      for (const [command] of [...hits].toSorted((one, other) => one[1] - other[1] || chance() - 0.5)) {
        if (chosen.length >= wanted) break;
        const request = operations[command]?.(world);
        if (!request || request.touches.some((id) => touched.has(id))) continue;
        for (const id of request.touches) touched.add(id);
        chosen.push([command, request]);
      }
      const last = cloud.read(
        (state) => state.get<{ id: number }>("SELECT max(id) AS id FROM actions")?.id ?? 0,
      );
      const delay = chance() * (within.get(chosen[0]?.[0] ?? "") ?? 500);
      const answers = chosen.map(([, { method, path, body }]) => cloud.ask(method, path, body));
      await sleep(delay);
      await cloud.kill();
      const running = cloud.underWay();
      if (running.length > 0) inTheMiddle += 1;
      for (const command of running) hits.set(command, (hits.get(command) ?? 0) + 1);
      for (const [command] of chosen) {
        // So that a command that is too fast to be hit does not take every round.
        hits.set(command, (hits.get(command) ?? 0) + 0.25);
        const present = within.get(command) ?? 500;
        within.set(command, running.includes(command) ? present * 1.2 : Math.max(20, present * 0.7));
      }
      const refused = (await Promise.all(answers)).flatMap((answer) =>
        answer && answer.status >= 400 ? [`${answer.status} ${JSON.stringify(answer.body.error)}`] : [],
      );
      // Now and then its next process is killed as well, on its way up.
      if (chance() < 0.25) await cloud.startAndKill(300 + chance() * 2500);
      await cloud.start();
      await cloud.settled();
      const what = `round ${round}: killed ${Math.round(delay)} ms after ${chosen.map(([name]) => name).join(", ")}`;
      const wrong = [
        ...refused,
        ...cloud.failures(last).map(({ command, error_message: why }) => `${command} failed: ${why}`),
        ...(await cloud.differences()),
      ];
      if (wrong.length > 0)
        findings.push(`${what} (${running.join(", ")} under way):\n    ${wrong.join("\n    ")}`);
      if (wrong.length > 0 || round % 20 === 0)
        process.stderr.write(`${wrong.length > 0 ? findings.at(-1) : what}\n`);
    }
    const covered = [...hits].map(([command, count]) => `${command} ${Math.floor(count)}`).join(", ");
    process.stderr.write(`killed ${round - 1} times, ${inTheMiddle} of them during actions: ${covered}\n`);
    expect(findings).toEqual([]);
    // Its machines were none of the process's business.
    expect(await startTimeOf(await leader(bystander))).toBe(begun);
    expect(inTheMiddle).toBeGreaterThan(rounds / 3);
  },
);

test(
  "a machine whose processes are killed is off, and can be switched on",
  { timeout: 3 * MINUTE },
  async () => {
    const supervisorOf = async (pid: number): Promise<number> => {
      const parent = async (of: number): Promise<number> =>
        Number(/^PPid:\s+(\d+)$/m.exec(await readFile(`/proc/${of}/status`, "utf8"))?.[1]);
      return parent(await parent(pid));
    };
    for (const whom of [leader, async (id: number) => supervisorOf(await leader(id))]) {
      process.kill(await whom(bystander), "SIGKILL");
      await expect
        .poll(async () => (await cloud.list("servers")).find(({ id }) => id === bystander)?.status, {
          timeout: 60_000,
        })
        .toBe("off");
      expect(await cloud.differences()).toEqual([]);
      await cloud.done("POST", `/servers/${bystander}/actions/poweron`);
      expect(await cloud.differences()).toEqual([]);
    }
  },
);

test(
  "of two that delete and reboot one server at once, each gets a proper answer",
  { timeout: 5 * MINUTE },
  async () => {
    for (let attempt = 0; attempt < (rounds > 50 ? 10 : 2); attempt++) {
      const made = await cloud.done("POST", "/servers", {
        name: `raced-${attempt}`,
        server_type: "local-512",
        image: "debian-12",
        ssh_keys: ["operator"],
      });
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the answer to POST /servers
      const { id } = made["server"] as { id: number };
      const last = cloud.read(
        (state) => state.get<{ id: number }>("SELECT max(id) AS id FROM actions")?.id ?? 0,
      );
      const path = `/servers/${id}`;
      const answers = await Promise.all([
        cloud.ask("POST", `${path}/actions/reboot`),
        cloud.ask("DELETE", path),
        cloud.ask("POST", `${path}/actions/reset`),
        cloud.ask("DELETE", path),
      ]);
      const codes = answers.map((answer) => answer?.body.error?.code ?? answer?.status);
      expect(codes.filter((code) => code !== "locked" && code !== "not_found")).toHaveLength(1);
      await cloud.settled();
      expect(cloud.failures(last)).toEqual([]);
      expect(await cloud.differences()).toEqual([]);
      if (!answers.some((answer, index) => index % 2 === 1 && answer?.status === 200))
        await cloud.done("DELETE", path);
    }
  },
);
