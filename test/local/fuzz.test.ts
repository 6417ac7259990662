import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ApiRequest, apiRoutes, type Ids, requestTo } from "../property/api-requests.js";
import { CrashCloud } from "./crash-cloud.js";

/** How many handfuls of requests are sent; DUKAAN_LONG=1 for the long form. FUZZ_SEED repeats a run's requests. */
const handfuls = process.env["DUKAAN_LONG"] === "1" ? 1500 : 60;
const seed = Number(process.env["FUZZ_SEED"] ?? Date.now() % 2 ** 31);
const MOST_SERVERS = 4;
const MINUTE = 60_000;

let cloud: CrashCloud;
beforeAll(async () => {
  cloud = await CrashCloud.open("fuzz-t");
  await replenish();
}, 3 * MINUTE);
afterAll(async () => cloud?.remove());

const kinds = [
  "servers",
  "networks",
  "firewalls",
  "volumes",
  "floating_ips",
  "primary_ips",
  "load_balancers",
  "ssh_keys",
  "placement_groups",
  "certificates",
  "images",
];

/** Sees to it that there is one of everything, and not too much of what is heavy. */
async function replenish(): Promise<void> {
  const count = async (kind: string) => (await cloud.list(kind)).length;
  const subnets = [{ type: "cloud", network_zone: "eu-central", ip_range: "10.0.0.0/24" }];
  const name = `spare-${Math.random().toString(36).slice(2, 8)}`;
  if ((await count("networks")) === 0)
    await cloud.done("POST", "/networks", { name, ip_range: "10.0.0.0/16", subnets });
  if ((await count("firewalls")) === 0) await cloud.done("POST", "/firewalls", { name });
  if ((await count("volumes")) === 0)
    await cloud.done("POST", "/volumes", { name, size: 10, location: "fsn1", format: "ext4" });
  if ((await count("floating_ips")) === 0)
    await cloud.done("POST", "/floating_ips", { type: "ipv4", home_location: "fsn1" });
  if ((await count("load_balancers")) === 0)
    await cloud.done("POST", "/load_balancers", { name, load_balancer_type: "lb11", location: "fsn1" });
  const servers = await cloud.list("servers");
  for (let more = servers.length; more < 2; more++) {
    const body = { name: `${name}-${more}`, server_type: "local-512", image: "debian-12", location: "fsn1" };
    await cloud.done("POST", "/servers", body);
  }
  for (const { id } of servers.slice(MOST_SERVERS)) {
    await cloud.ask("POST", `/servers/${id}/actions/change_protection`, { delete: false, rebuild: false });
    await cloud.done("DELETE", `/servers/${id}`);
  }
}

async function idsNow(): Promise<Ids> {
  const lists = await Promise.all(kinds.map((kind) => cloud.list(kind)));
  return Object.fromEntries(kinds.map((kind, index) => [kind, (lists[index] ?? []).map(({ id }) => id)]));
}

/** What is wrong with the answer to a request, if anything is. */
async function wrongWith(request: ApiRequest): Promise<string[]> {
  const answer = await cloud.ask(request.method, request.path, request.text);
  const told = `${request.method} ${request.path} ${request.text?.slice(0, 500) ?? ""}`;
  if (answer === undefined) return [`${told}: no answer, or no JSON`];
  const { status, body } = answer;
  statuses.set(status, (statuses.get(status) ?? 0) + 1);
  const { error } = body;
  if (status >= 500 && error?.code !== "unavailable") return [`${told}: ${status} ${JSON.stringify(body)}`];
  const proper =
    status < 400 ? error === undefined : typeof error?.code === "string" && error.message.length > 0;
  return proper ? [] : [`${told}: ${status}, and yet ${JSON.stringify(body).slice(0, 300)}`];
}
const statuses = new Map<number, number>();

/** What no action may fail with: an error of our own program, or a computer that was asked the impossible. */
const ownMistake =
  /TypeError|undefined|SQLITE|constraint|not a function|ENO[A-Z]+|Cannot read|failed:|refused the firewall/;

test(
  `whatever is asked of it, also at the same time: proper answers, and state and computer agree (seed ${seed})`,
  { timeout: handfuls * MINUTE },
  async () => {
    const routes = await apiRoutes();
    const findings: string[] = [];
    let last = cloud.read((state) => state.get<{ id: number }>("SELECT max(id) AS id FROM actions")?.id ?? 0);
    for (let handful = 0; handful < handfuls; handful++) {
      const arbitrary = fc.array(requestTo(routes, await idsNow()), { minLength: 1, maxLength: 8 });
      const [requests = []] = fc.sample(arbitrary, { seed: seed + handful, numRuns: 1 });
      const wrong = (await Promise.all(requests.map(wrongWith))).flat();
      // Mostly the next handful meets what is still under way.
      if (wrong.length === 0 && handful % 6 !== 5) continue;
      await cloud.settled();
      wrong.push(
        ...cloud
          .failures(last)
          .filter(({ error_message: why }) => ownMistake.test(why))
          .map(({ command, error_message: why }) => `${command} failed: ${why}`),
        ...(await cloud.differences()),
      );
      last = cloud.read((state) => state.get<{ id: number }>("SELECT max(id) AS id FROM actions")?.id ?? 0);
      if (wrong.length > 0) {
        const sent = requests.map(({ method, path, text = "" }) => `${method} ${path} ${text.slice(0, 300)}`);
        findings.push(
          `handful ${handful}:\n  ${wrong.join("\n  ")}\n  last sent:\n    ${sent.join("\n    ")}`,
        );
        process.stderr.write(`${findings.at(-1)}\n`);
      }
      await replenish();
    }
    process.stderr.write(
      `answers: ${[...statuses].map(([status, count]) => `${count} × ${status}`).join(", ")}\n`,
    );
    expect(findings).toEqual([]);
    // The fuzzing reaches what it should: changes that are made as well as every kind of refusal.
    expect([...statuses.keys()]).toEqual(expect.arrayContaining([200, 201, 404, 422]));
  },
);
