import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, it } from "vitest";
import { watchArguments } from "./process-arguments.js";
import { note, type ReleaseLab } from "./release-lab.js";
import { filesWith } from "./secrets.js";

/** Tests that change the password of a shop under load. */
export function passwordRotation(lab: () => ReleaseLab): void {
  let shop: ReleaseLab;
  beforeAll(() => {
    shop = lab();
  });
  const login = /postgresql:\/\/(shop_\d+):(\w+)@/;
  const env = () => shop.onMachine("cat /opt/dukaan/releases/api/current/env");

  it("is changed without a failed request; the old one works no more, the new one is nowhere to be read", async () => {
    const [, oldUser = "", oldPassword = ""] = login.exec(await env()) ?? [];
    expect(await canLogIn("/run/pgbouncer", 6432, oldUser, oldPassword)).toBe("yes");
    const watching = watchArguments();
    let printed = "";
    const rotate = async () => {
      const rotated = await shop.lab.dukaan("rotate", "database-password", "--json");
      expect(rotated, rotated.stderr).toMatchObject({ exitCode: 0 });
      printed = rotated.stdout + rotated.stderr;
      note(`change of the database's password: ${rotated.seconds.toFixed(1)} s`);
    };
    try {
      await shop.underLoad("change of the database's password", rotate, { busy: true });
    } finally {
      // It costs a third of a core.
      await watching.stop();
    }
    const [, user = "", password = ""] = login.exec(await env()) ?? [];
    const told = JSON.parse(printed.slice(0, printed.indexOf("\n}") + 2)) as Record<string, unknown>;
    expect(told).toMatchObject({ user, release: await shop.served() });
    expect(password).not.toBe(oldPassword);

    for (const [folder, port] of [
      ["/run/pgbouncer", 6432],
      ["/run/postgresql", 5432],
    ] as const) {
      expect(await canLogIn(folder, port, user, password)).toBe("yes");
      expect(await canLogIn(folder, port, oldUser, oldPassword)).toMatch(
        /authentication failed|does not exist|no pg_hba.conf entry/,
      );
      // Nor does one password open the other login.
      expect(await canLogIn(folder, port, user, oldPassword)).toMatch(/authentication failed/);
    }
    expect(await shop.database("SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolname ~ '^shop'")).toBe(
      `shop ${user}`,
    );

    const seen = [...(await watching.stop())].join("\n") + printed;
    const journal = await shop.onMachine("journalctl --no-pager; cat /proc/[0-9]*/cmdline | tr '\\0' ' '");
    expect(journal).toContain("dukaan-api@");
    for (const secret of [password, oldPassword]) {
      expect(seen).not.toContain(secret);
      expect(journal).not.toContain(secret);
      expect(await filesWith(new Map([[secret, ""]]), shop.lab.folder)).toEqual([]);
    }
    const again = await shop.up();
    expect(Object.keys(again.changes)).toEqual(["same"]);
  });

  it("is changed by the next run when one was cut off, at either end of the switch", async () => {
    const before = await userOf(env());
    // Killed once the second login is configured, and once the first is to be dropped.
    await killRotation((config) => /databaseLogins: .*,/.test(config));
    expect(await configured()).toHaveLength(2);
    await finish(before + 1);
    await killRotation(
      (config) => /databaseLogins: "\[\d+\]"/.test(config) && !config.includes(`[${before + 1}]`),
    );
    await finish(before + 2);

    async function finish(number: number): Promise<void> {
      const rotated = await shop.lab.dukaan("rotate", "database-password", "--json");
      expect(rotated, rotated.stderr).toMatchObject({ exitCode: 0 });
      expect(JSON.parse(rotated.stdout)).toMatchObject({ user: `shop_${number}` });
      expect(await userOf(env())).toBe(number);
      expect(await configured()).toEqual([number]);
      expect(
        await shop.database("SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolname ~ '^shop_'"),
      ).toBe(`shop_${number}`);
    }
  });

  it("is not dropped while the app uses it: refused in the preview", async () => {
    const [number = 0] = await configured();
    const file = configFile();
    const good = await readFile(file, "utf8");
    try {
      await writeFile(file, good.replace(`"[${number}]"`, `"[${number + 1}]"`));
      const refused = await shop.lab.pulumi("preview", "--non-interactive", "--color=never");
      expect(refused.exitCode).not.toBe(0);
      expect(refused.stdout + refused.stderr).toMatch(
        new RegExp(`login shop_${number} would be dropped while the app uses it`),
      );
    } finally {
      await writeFile(file, good);
    }
  });

  async function userOf(text: Promise<string>): Promise<number> {
    return Number(/postgresql:\/\/shop_(\d+):/.exec(await text)?.[1]);
  }

  /** Ends `./dukaan rotate` and its Pulumi by force as soon as the stack's settings are so. */
  async function killRotation(reached: (config: string) => boolean): Promise<void> {
    const running = shop.lab.start("rotate", "database-password");
    const ended = new Promise((resolve) => running.once("exit", resolve));
    while (!reached(await readFile(configFile(), "utf8").catch(() => ""))) {
      expect(running.exitCode).toBe(null);
      await sleep(100);
    }
    await sleep(700);
    process.kill(-running.pid!, "SIGKILL");
    await ended;
    await endEngine();
  }

  /** Pulumi is in a process group of its own; whoever holds the stack's lock is ours. */
  async function endEngine(): Promise<void> {
    const locks = join(shop.lab.stateFolder, "backend/.pulumi/locks/organization/dukaan/lab");
    for (const name of existsSync(locks) ? await readdir(locks) : []) {
      const { pid } = JSON.parse(await readFile(join(locks, name), "utf8").catch(() => "{}")) as {
        pid?: number;
      };
      if (pid === undefined) continue;
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
    await sleep(1000);
  }

  const configFile = () => join(shop.lab.stateFolder, "project/Pulumi.lab.yaml");

  async function configured(): Promise<number[]> {
    const line = /databaseLogins: "(.*)"/.exec(await readFile(configFile(), "utf8"))?.[1] ?? "[1]";
    return JSON.parse(line) as number[];
  }

  /** "yes", or what PostgreSQL or PgBouncer said. The password travels over standard input. */
  async function canLogIn(folder: string, port: number, user: string, password: string): Promise<string> {
    const ask = `IFS= read -r PGPASSWORD; export PGPASSWORD; cd /; psql -qAtX "host=${folder} port=${port} user=${user} dbname=shop" -c "select 'yes'" 2>&1 || true`;
    return (await shop.onMachine(ask, `${password}\n`)).trim();
  }
}
