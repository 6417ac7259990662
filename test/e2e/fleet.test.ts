import { request } from "node:http";
import { request as secureRequest } from "node:https";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { note, ReleaseLab } from "./release-lab.js";
import { visitAgainAndAgain } from "./visits.js";

// A stack with one app server becomes a fleet, and the fleet changes, under 50 visits a second (DUKAAN_VISITS): no request
// may fail, and every order must be there once. The tests build on one another. DUKAAN_LONG=1 goes all the way: to five app
// servers, three, with a look at every connection, and back to stage split.

const long = process.env["DUKAAN_LONG"] === "1";

let shop: ReleaseLab;
/** Where the shop was at stage split. */
let oldUrl: string;

beforeAll(async () => {
  shop = await ReleaseLab.create("fleet", "split");
  oldUrl = shop.url;
});
afterAll(() => shop?.remove());

describe("the way from split to fleet", () => {
  it("is not gone by up, which would close the old address", async () => {
    const refused = await shop.lab.dukaan("up", "--stage", "fleet");
    expect(refused).toMatchObject({ exitCode: 4 });
    expect(refused.stderr).toContain("./dukaan evolve fleet");
    expect(await shop.statusOf(oldUrl)).toBe(200);
  });

  it("fails no request, at the old address nor at the new one", async () => {
    await shop.underLoad("split to fleet", () => succeeds("evolve", "fleet"));
    await shop.locate();
    expect(shop.url).not.toBe(oldUrl);
    expect(await Promise.all([shop.statusOf(oldUrl), shop.statusOf(shop.url)])).toEqual([200, 200]);
    await shop.underLoad("old address closed", () => succeeds("evolve", "fleet", "--finish"));
    await expect(shop.statusOf(oldUrl)).rejects.toThrow(closed);
  });

  it("ends at a balancer that redirects to HTTPS, and hands on who a visitor is and nothing that one claims", async () => {
    const location = await redirectOf(`${shop.url.replace("https:", "http:")}/stores?q=1`);
    expect(location).toBe(`${shop.url}/stores?q=1`);
    expect(await shop.statusOf(shop.url, "/rotation")).toBe(404);
    const lines = await shop.onMachine(
      "journalctl --identifier nginx --lines 50 --output cat --no-pager",
      "",
      "app-1",
    );
    // The machine itself asks for /metrics, to see that nobody gets them.
    const visits = lines.split("\n").filter((line) => !line.includes('"path":"/metrics"'));
    const clients = new Set(visits.flatMap((line) => /"client":"([^"]+)"/.exec(line)?.slice(1) ?? []));
    // This computer's, not the balancer's.
    expect([...clients]).toEqual([expect.stringMatching(/^203\.0\.113\./)]);
  });
});

describe("a release", () => {
  /** Folder of its bundle. */
  let good: string;

  it("goes from one server to the next without a failed request", async () => {
    good = await shop.build("good", (source) => `${source}\nconsole.error("a line more");\n`);
    await shop.underLoad("release", async () => {
      const { release, changes } = await shop.up();
      expect(changes).toMatchObject({ update: 2 });
      expect(await shop.served()).toBe(release);
    });
    expect(await releasesOn("app-1", "app-2")).toHaveLength(1);
  });

  it("that is bad stops at the first server, which goes back; the fleet serves on", async () => {
    const before = await releasesOn("app-1", "app-2");
    onTestFinished(() => {
      process.env["DUKAAN_API_BUNDLE"] = good;
    });
    await shop.build("bad", (source) => `${source}\nsetTimeout(() => process.exit(1), 100);\n`);
    await shop.underLoad("bad release", async () => {
      const result = await shop.lab.dukaan("up");
      expect(result.exitCode).toBe(1);
      expect(result.stderr).toMatch(/app-1-api: release .* failed at step/s);
      expect(result.stderr).not.toContain("app-2-api");
    });
    expect(await releasesOn("app-1", "app-2")).toEqual(before);
  });
});

describe("a blue-green release", () => {
  const machines = ["app-1", "app-2"];
  let good: string;

  it("is started beside the old one on all servers, then serves on all, without a failed request", async () => {
    await shop.lab.set({ "dukaan:rollout": "blue-green" });
    good = await shop.build("green", (source) => `${source}\nconsole.error("green");\n`);
    await shop.underLoad("blue-green release", async () => {
      const { release, changes } = await shop.up();
      expect(changes).toMatchObject({ create: 2, update: 2 });
      expect(await shop.served()).toBe(release);
    });
    expect(await releasesOn(...machines)).toHaveLength(1);
    note(`switched within ${((await switchedAt("app-2")) - (await switchedAt("app-1"))).toFixed(2)} s`);
  });

  it("that is bad on one server is switched to on none", async () => {
    const before = [await releasesOn(...machines), await switchedAt("app-1"), await switchedAt("app-2")];
    onTestFinished(() => {
      process.env["DUKAAN_API_BUNDLE"] = good;
    });
    // At once: one that lives for a moment may also be caught by a later check.
    const ends = `if ((await import("node:os")).hostname().endsWith("app-2")) process.exit(1);`;
    await shop.build("bad-on-one", (source) => `${source}\n${ends}\n`);
    await shop.underLoad("bad blue-green release", async () => {
      const result = await shop.lab.dukaan("up");
      expect(result.exitCode).toBe(1);
      expect(result.stderr).toMatch(/app-2-api: release .* failed at step/s);
      expect(result.stderr).not.toMatch(/app-1-api: release/);
    });
    expect([await releasesOn(...machines), await switchedAt("app-1"), await switchedAt("app-2")]).toEqual(
      before,
    );
  });

  it("is left on all servers by a rollback, which never takes a candidate for a release that has served", async () => {
    const before = await releasesOn(...machines);
    await shop.underLoad("blue-green rollback", () => succeeds("rollback"));
    const after = await releasesOn(...machines);
    expect(after).toHaveLength(1);
    expect(after).not.toEqual(before);
    expect(await shop.served()).toBe(after[0]);
  });

  /** When a server's socket was switched, in seconds. */
  async function switchedAt(machine: string): Promise<number> {
    return Number(await shop.onMachine("stat --format %.Z /run/dukaan/api.sock", "", machine));
  }
});

describe("the number of app servers", () => {
  const scale = async (count: number) => {
    await shop.lab.configure("dukaan:appServers", String(count));
    const result = await shop.lab.pulumi("up", "--yes", "--skip-preview", "--non-interactive");
    expect(result, result.stdout).toMatchObject({ exitCode: 0 });
  };

  it("grows and shrinks by up alone, without a failed request", async () => {
    const counts = long ? [5, 3, 2] : [3, 2];
    for (const count of counts) {
      const report = await shop.underLoad(`${count} app servers`, () => scale(count));
      expect(report.failed).toBe(0);
      const servers = await shop.onMachine("sed -n 's/^ *server //p' /etc/haproxy/haproxy.cfg", "", "edge-1");
      expect(new Set(servers.split("\n").map((line) => line.split(" ")[0])).size).toBe(count);
      if (!long) continue;
      // Plain Pulumi has scaled; ./dukaan goes by its own settings.
      await shop.lab.set({ "dukaan:appServers": count });
      await succeeds("prove", "network");
    }
  });
});

describe("the balancer", () => {
  it("takes a new certificate without a failed request", async () => {
    const shown = () =>
      shop.onMachine("openssl x509 -noout -serial -in /etc/haproxy/tls/public.pem", "", "edge-1");
    const before = await shown();
    await shop.underLoad("new certificate", async () => {
      const urns = (await shop.lab.pulumi("stack", "--show-urns")).stdout;
      const urn = /urn:\S+dukaan:index:Certificate::edge-1\b/.exec(urns)?.[0] ?? "";
      const options = ["--yes", "--skip-preview", "--non-interactive", "--replace", urn];
      const result = await shop.lab.pulumi("up", ...options);
      expect(result, result.stdout).toMatchObject({ exitCode: 0 });
    });
    expect(await shown()).not.toBe(before);
  });
});

describe("a domain", () => {
  const up = async () => {
    const result = await shop.lab.pulumi("up", "--yes", "--skip-preview", "--non-interactive");
    expect(result, result.stdout).toMatchObject({ exitCode: 0 });
  };

  it("costs those nothing who come by the address, though another authority signs for them", async () => {
    const subject = () =>
      shop.onMachine("openssl x509 -noout -subject -in /etc/dukaan/acme/stand-in.pem", "", "edge-1");
    const load = visitAgainAndAgain(() => statusUnverified(shop.url));
    await shop.lab.configure("dukaan:domain", "shop.example.com");
    // No one answers there: what stands in is signed by the stack's own authority, made anew for the name.
    await shop.lab.configure("dukaan:acme.directory", "https://192.0.2.1/directory");
    await up();
    const { visits, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(visits).toBeGreaterThan(50);
    expect(await subject()).toContain("shop.example.com");
    note(`a domain: none of ${visits} visits failed`);
    if (!long) return;
    await shop.lab.pulumi("config", "rm", "dukaan:domain");
    await shop.lab.pulumi("config", "rm", "dukaan:acme");
    await up();
    // Its authority has been made anew with the name.
    await shop.trust();
  });
});

it.runIf(long)("goes back to stage split without a failed request", async () => {
  const before = shop.url;
  await shop.underLoad("fleet to split", () => succeeds("evolve", "split"));
  await shop.locate();
  expect(shop.url).toBe(oldUrl);
  expect(await shop.statusOf(before)).toBe(200);
  await shop.underLoad("balancer removed", () => succeeds("evolve", "split", "--finish"));
  await expect(shop.statusOf(before)).rejects.toThrow(closed);
});

/** Dropped by the firewall, or no machine. */
const closed = /no answer|EHOSTUNREACH|ENETUNREACH|ECONNREFUSED/;

async function succeeds(...args: string[]): Promise<void> {
  const result = await shop.lab.dukaan(...args);
  expect(result, result.stderr).toMatchObject({ exitCode: 0 });
  note(`${args.join(" ")}: ${result.seconds.toFixed(1)} s`);
}

/** What is current on these machines, each release once. */
async function releasesOn(...machines: string[]): Promise<string[]> {
  const links = await Promise.all(
    machines.map((machine) => shop.onMachine("readlink /opt/dukaan/releases/api/current", "", machine)),
  );
  return [...new Set(links.map((link) => link.trim()))];
}

/** Whoever has signed: the shop's authority is another one meanwhile. */
function statusUnverified(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { agent: false, rejectUnauthorized: false, timeout: 20_000 };
    const asking = secureRequest(url, options, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode ?? 0));
      answer.on("error", reject);
    });
    asking.on("timeout", () => asking.destroy(new Error("no answer within 20 s")));
    asking.on("error", reject);
    asking.end();
  });
}

function redirectOf(url: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { agent: false }, (answer) => {
      answer.resume();
      resolve(answer.headers.location);
    })
      .on("error", reject)
      .end();
  });
}
