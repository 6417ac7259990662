import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { visitAgainAndAgain } from "./visits.js";
import { note, ReleaseLab } from "./release-lab.js";

// A fleet behind the provider's own load balancer: the local cloud's, which is one of Hetzner's as far as its API tells. The
// tests build on one another.

let shop: ReleaseLab;

beforeAll(async () => {
  shop = await ReleaseLab.create("managed", "fleet", { "dukaan:loadBalancer": "managed" });
});
afterAll(() => shop?.remove());

interface Health {
  load_balancers: {
    public_net: { ipv4: { ip: string } };
    targets: { server: { id: number }; health_status: { status: string }[] }[];
  }[];
}

/** What the load balancer thinks of each app server. */
async function health(): Promise<string[]> {
  const { load_balancers: found } = await shop.lab.cloud<Health>("GET", "/load_balancers");
  return (found[0]?.targets ?? []).map(({ health_status: each }) => each[0]?.status ?? "none");
}

describe("the provider's load balancer", () => {
  it("has the shop's address, ends TLS, and sends visitors to the app servers alone", async () => {
    const { load_balancers: found } = await shop.lab.cloud<Health>("GET", "/load_balancers");
    expect(shop.url).toBe(`https://${found[0]?.public_net.ipv4.ip}`);
    expect(await shop.statusOf(shop.url)).toBe(200);
    // What it looks at is not for visitors.
    expect(await shop.statusOf(shop.url, "/rotation")).toBe(404);
    await expect.poll(health, { timeout: 30_000 }).toEqual(["healthy", "healthy"]);
    const outputs = JSON.parse((await shop.lab.dukaan("outputs", "--json")).stdout) as {
      ssh: Record<string, string>;
    };
    expect(Object.keys(outputs.ssh).toSorted()).toEqual(["app-1", "app-2", "database-1"]);
    const straight = Object.values(outputs.ssh).map(async (target) =>
      shop.statusOf(`https://${target.replace("root@", "")}`).catch(String),
    );
    for (const answer of await Promise.all(straight)) expect(answer).toMatch(/no answer|ECONNREFUSED/);
  });

  it("costs no request when a release goes from one server to the next", async () => {
    await shop.build("next", (source) => `${source}\nconsole.error("a line more");\n`);
    await shop.underLoad("release behind the provider's load balancer", async () => {
      const { release } = await shop.up();
      expect(await shop.served()).toBe(release);
    });
  });

  it("sends nobody to a server that is lost, within ten seconds", async () => {
    const { servers } = await shop.lab.cloud<{ servers: { id: number }[] }>("GET", "/servers?name=lab-app-2");
    const visits = visitAgainAndAgain(() => shop.statusOf(shop.url));
    await shop.lab.cloud("POST", `/servers/${servers[0]?.id}/actions/poweroff`);
    await expect
      .poll(async () => (await health()).toSorted(), { timeout: 60_000, interval: 100 })
      .toEqual(["healthy", "unhealthy"]);
    const during = await visits.stop();
    const after = visitAgainAndAgain(() => shop.statusOf(shop.url));
    await sleep(3000);
    expect((await after.stop()).failures).toEqual([]);
    note(
      `a lost server behind it: ${during.failures.length} of ${during.visits} visits failed until it was out`,
    );
    await shop.lab.cloud("POST", `/servers/${servers[0]?.id}/actions/poweron`);
    await expect.poll(health, { timeout: 120_000, interval: 500 }).toEqual(["healthy", "healthy"]);
  });
});
