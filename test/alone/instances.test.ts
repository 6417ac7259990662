import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { request } from "node:https";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { projectRoot } from "../../src/project.js";
import { makeLabFolder } from "../lab-folder.js";
import { hostTraces } from "./traces.js";

// Staging and production beside one another on this computer, as `--local` offers.

interface Up {
  url: string;
  ca: string;
}

let folder: string;
const ups: Record<string, Up> = {};

beforeAll(async () => {
  folder = await makeLabFolder();
});
afterAll(async () => {
  for (const name of ["staging", "prod"]) {
    await dukaan("local", "down", "--instance", name);
  }
  await rm(folder, { recursive: true, force: true });
});

it("a cloud that is removed while it is being started is there whole or not at all", async () => {
  const before = await hostTraces();
  const starting = dukaan("local", "up", "--instance", "prod");
  await vi.waitUntil(() => existsSync(join(folder, "local", "prod", "server.log")), { timeout: 60_000 });
  const removed = await dukaan("local", "down", "--instance", "prod");
  expect(removed, removed.stderr).toMatchObject({ exitCode: 0 });
  const { exitCode, stderr } = await starting;
  // It was up before it was removed, or it says why it is not.
  expect(
    exitCode === 0 || /was removed while it was being started|ended right after its start/.test(stderr),
  ).toBe(true);
  // A server that was told to go while it got ready goes once it is ready.
  const left = async () =>
    [...(await hostTraces())].filter((line) => !before.has(line) && line.includes("prod"));
  await expect.poll(left, { timeout: 60_000 }).toEqual([]);
  expect(existsSync(join(folder, "local", "prod"))).toBe(false);
});

it("are both up, each with addresses, a port and an authority of its own", async () => {
  for (const name of ["staging", "prod"]) {
    const result = await dukaan("up", "--stack", name, "--local", "--json");
    expect(result, result.stderr).toMatchObject({ exitCode: 0 });
    ups[name] = JSON.parse(result.stdout) as Up;
  }
  expect(ups["staging"]!.url).not.toBe(ups["prod"]!.url);
  const states = await Promise.all(
    ["staging", "prod"].map(async (name) => {
      const told = await dukaan("local", "status", "--instance", name, "--json");
      return JSON.parse(told.stdout) as { endpoint: string; servers: { name: string }[] };
    }),
  );
  expect(new Set(states.map(({ endpoint }) => endpoint)).size).toBe(2);
  expect(states.map(({ servers }) => servers.map(({ name }) => name))).toEqual([
    ["staging-app-1"],
    ["prod-app-1"],
  ]);
  const authorities = await Promise.all(Object.values(ups).map(({ ca }) => readFile(ca, "utf8")));
  expect(new Set(authorities).size).toBe(2);
});

it("are used, and neither has what is in the other", async () => {
  for (const [name, stores] of Object.entries({ staging: "2", prod: "3" })) {
    const seed = await dukaan("seed", "--stack", name, "--local", "--stores", stores, "--products", "3");
    expect(seed, seed.stderr).toMatchObject({ exitCode: 0 });
  }
  for (const [name, stores] of Object.entries({ staging: "2", prod: "3" })) {
    expect(await status(ups[name]!)).toBe(200);
    const count = await dukaan(
      ..."ssh --local --stack".split(" "),
      name,
      "--",
      ..."runuser -u postgres -- psql -qAt shop -c".split(" "),
      '"select count(*) from stores"',
    );
    expect(count.stdout.trim()).toBe(stores);
  }
  // Each one's certificate is signed by its own authority alone.
  await expect(status({ url: ups["prod"]!.url, ca: ups["staging"]!.ca })).rejects.toThrow(/certificate/);
});

it("go down one at a time; the other one stays open", async () => {
  const first = await dukaan("down", "--stack", "staging", "--local");
  expect(first, first.stderr).toMatchObject({ exitCode: 0 });
  await expect(status(ups["staging"]!)).rejects.toThrow(/UNREACH|REFUSED|no answer/);
  expect(await status(ups["prod"]!)).toBe(200);
  const second = await dukaan("down", "--stack", "prod", "--local");
  expect(second, second.stderr).toMatchObject({ exitCode: 0 });
  const left = await dukaan("local", "status", "--instance", "prod", "--json");
  expect(JSON.parse(left.stdout)).toMatchObject({ running: false });
});

function dukaan(...args: string[]) {
  return execa(join(projectRoot, "dukaan"), args, {
    env: { DUKAAN_STATE: join(folder, "state"), DUKAAN_LOCAL_HOME: join(folder, "local"), NO_COLOR: "1" },
    reject: false,
    stdin: "ignore",
  });
}

/** Of the home page. */
async function status({ url, ca }: Up): Promise<number> {
  // The file goes with its stack.
  const authority = await readFile(ca, "utf8").catch(() => undefined);
  return new Promise((resolve, reject) => {
    const asking = request(
      url,
      { ...(authority && { ca: authority }), agent: false, timeout: 5000 },
      (answer) => {
        answer.resume();
        answer.on("end", () => resolve(answer.statusCode ?? 0));
      },
    );
    asking.on("timeout", () => asking.destroy(new Error("no answer")));
    asking.on("error", reject);
    asking.end();
  });
}
