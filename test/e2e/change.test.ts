import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { secretSettings } from "../../src/settings/parse.js";
import { createLab, type Lab } from "./lab.js";
import { watchArguments } from "./process-arguments.js";
import { filesWith, found, secretWords } from "./secrets.js";

// What changes of a live stack do to its data: a bigger server, a smaller one, a new one.

let lab: Lab;
let url: string;
let commands: string;
let server: { id: number; server_type: { name: string; disk: number } };

beforeAll(async () => {
  lab = await createLab("change");
});
afterAll(() => lab?.remove());

describe("another server type", () => {
  it("is for a stack that is up and has data", async () => {
    const up = await lab.dukaan("up", "--json");
    expect(up, up.stderr).toMatchObject({ exitCode: 0 });
    ({ url } = JSON.parse(up.stdout) as { url: string });
    const seed = await lab.dukaan("seed", "--stores", "3", "--products", "5");
    expect(seed, seed.stderr).toMatchObject({ exitCode: 0 });
    server = await theServer();
  });

  it("with more memory: the server is resized in place, its data and its address stay", async () => {
    expect(server.server_type).toMatchObject({ name: "local-512", disk: 10 });
    const before = await sharedBuffers();
    await setServerType("cx23");
    const up = await lab.pulumi("up", "--yes", "--skip-preview", "--non-interactive");
    expect(up, up.stdout + up.stderr).toMatchObject({ exitCode: 0 });
    const resized = await theServer();
    expect(resized.id).toBe(server.id);
    expect(resized.server_type).toMatchObject({ name: "cx23", disk: 40 });
    expect(await onMachine("psql", "select count(*) from products")).toBe("15");
    expect(await onMachine("shell", "df --output=size -BG / | tail -1 | tr -d G")).toMatch(/^ *(3[6-9]|40)$/);
    // What follows from the machine's size is configured anew.
    expect(await sharedBuffers()).toBe(String(Number(before) * 8));
  });

  it("PgBouncer and PostgreSQL refuse a configuration in their own words before it becomes active", async () => {
    // As the roles do it, with what they deployed and one line more.
    const checks = {
      "pool_mode = sometimes": [
        "/etc/pgbouncer/pgbouncer.ini",
        "/usr/local/lib/dukaan/check-pgbouncer /root/bad /root/bad/none.pem",
      ],
      "work_mem = plenty": [
        "/etc/postgresql/15/main/postgresql.conf",
        "/usr/lib/postgresql/15/bin/postgres -C max_connections --config-file=/root/bad/postgresql.conf",
      ],
    };
    for (const [line, [file, check]] of Object.entries(checks)) {
      const copy = `rm -rf /root/bad; cp -r $(dirname ${file}) /root/bad`;
      const good = await lab.dukaan("ssh", "--", `${copy}; ${check}`);
      expect(good, good.stderr).toMatchObject({ exitCode: 0 });
      const bad = await lab.dukaan("ssh", "--", `echo "${line}" >>/root/bad/$(basename ${file}); ${check}`);
      expect(bad.exitCode).not.toBe(0);
      expect(bad.stdout + bad.stderr).toContain(line.split(" ")[0]);
    }
  });

  it("with a smaller disk: refused in the preview, with what would be lost and the command", async () => {
    // The settings of the checkout still name the small type.
    const up = await lab.dukaan("up", "--json");
    expect(up.exitCode).toBe(1);
    expect(up.stderr).toContain("the disk of app-1 would shrink from 40 to 10 GB");
    expect(up.stderr).toContain("without its data");
    expect(up.stderr).toContain("./dukaan rebuild app-1");
    const preview = await lab.pulumi("preview", "--non-interactive");
    expect(preview.exitCode).not.toBe(0);
    expect(preview.stdout + preview.stderr).toContain("./dukaan rebuild app-1");
    expect(await onMachine("psql", "select count(*) from products")).toBe("15");
  });

  it("another location, or a stage whose database is elsewhere: refused with what would be lost", async () => {
    const config = join(lab.stateFolder, "project", "Pulumi.lab.yaml");
    const good = await readFile(config, "utf8");
    const changed = good.replace("dukaan:stage: droplet", "dukaan:stage: split");
    await writeFile(config, changed.replace("config:\n", "config:\n  dukaan:location: nbg1\n"));
    const preview = await lab.pulumi("preview", "--non-interactive");
    await writeFile(config, good);
    const told = preview.stdout + preview.stderr;
    expect(preview.exitCode).not.toBe(0);
    expect(told).toMatch(
      /from droplet to split, and the new database would start empty[^]*\.\/dukaan evolve split/,
    );
    expect(told).toMatch(
      /location would change from hetzner\/fsn1 to hetzner\/nbg1: every machine would be deleted with its data/,
    );
    expect(told).toContain("bring up a second stack at hetzner/nbg1 and restore a backup into it");
  });
});

describe("./dukaan rebuild", () => {
  it("says what would be lost and does nothing until it is told that the data may go", async () => {
    const result = await lab.dukaan("rebuild", "app-1");
    expect(result).toMatchObject({ exitCode: 4 });
    expect(result.stderr).toContain("the whole database, is lost");
    expect(result.stderr).toContain("./dukaan rebuild app-1 --stack lab --yes");
    const other = await lab.dukaan("rebuild", "app-7", "--yes");
    expect(other).toMatchObject({ exitCode: 2 });
    expect(other.stderr).toContain("app-1");
    expect((await theServer()).id).toBe(server.id);
  });

  it("makes the machine anew with the smaller disk, at its address, though it is protected", async () => {
    const urn = (await stateText()).match(/urn:[^"]*server:Server::app-1/)![0];
    const shield = await lab.pulumi("state", "protect", urn, "--yes", "--non-interactive");
    expect(shield, shield.stderr).toMatchObject({ exitCode: 0 });
    await lab.cloud("POST", `/servers/${server.id}/actions/change_protection`, {
      delete: true,
      rebuild: true,
    });
    const watch = watchArguments();
    const rebuilt = await lab.dukaan("rebuild", "app-1", "--yes", "--json");
    commands = [...(await watch.stop())].join("\n");
    expect(rebuilt, rebuilt.stderr).toMatchObject({ exitCode: 0 });
    const now = await theServer();
    expect(now.id).not.toBe(server.id);
    expect(now.server_type).toMatchObject({ name: "local-512", disk: 10 });
    expect(await onMachine("psql", "select count(*) from products")).toBe("0");
    const again = await lab.dukaan("up", "--json");
    const { changes, url: same } = JSON.parse(again.stdout) as { changes: object; url: string };
    expect(same).toBe(url);
    expect(Object.keys(changes)).toEqual(["same"]);
  });
});

describe("secrets, after a machine was made anew", () => {
  let words: Map<string, string>;

  it("an operator gives one of his own; each that there can be is looked for", async () => {
    const smsSecret = `whsec_${randomBytes(32).toString("base64")}`;
    // Another folder: a passphrase opens no backups that were made with another one.
    for (const result of [
      await lab.configure("dukaan:backup.passphrase", "SENTINEL-passphrase-of-an-operator", "--secret"),
      await lab.configure("dukaan:backup.path", "/sentinel"),
      await lab.configure("dukaan:sms.url", "https://sms.invalid/hook"),
      await lab.configure("dukaan:sms.secret", smsSecret, "--secret"),
    ])
      expect(result, result.stderr).toMatchObject({ exitCode: 0 });
    const watch = watchArguments();
    const up = await lab.pulumi("up", "--yes", "--skip-preview", "--non-interactive");
    commands += [...(await watch.stop())].join("\n");
    expect(up, up.stdout + up.stderr).toMatchObject({ exitCode: 0 });

    words = await secretWords(lab);
    const environment = JSON.parse((await lab.dukaan("env", "--json")).stdout) as Record<string, string>;
    const settings: Record<string, string | undefined> = {
      "hcloud:token": environment["HCLOUD_TOKEN"],
      "dukaan:backup.accessKey": environment["DUKAAN_BACKUP_ACCESS_KEY"],
      "dukaan:backup.secretKey": environment["DUKAAN_BACKUP_SECRET_KEY"],
      "dukaan:backup.passphrase": "SENTINEL-passphrase-of-an-operator",
      "dukaan:failover.token": environment["DUKAAN_FAILOVER_TOKEN"],
      "dukaan:images.accessKey": environment["DUKAAN_IMAGES_ACCESS_KEY"],
      "dukaan:images.secretKey": environment["DUKAAN_IMAGES_SECRET_KEY"],
      "dukaan:sms.secret": smsSecret,
    };
    expect(Object.keys(settings).toSorted()).toEqual([...secretSettings].toSorted());
    for (const [name, value = ""] of Object.entries(settings)) {
      expect(value.length, name).toBeGreaterThan(15);
      words.set(value, name);
    }
    const paths = [...words.values()].join("\n");
    for (const known of ["database-login-1", "app-session", "deployKey", "SshKey app-1", "Authority"])
      expect(paths).toContain(known);
  });

  it("were in no argument of a process on this computer or on the machine", () => {
    // The look was a real one.
    expect(commands).toContain("pulumi-resource-hcloud");
    expect(commands).toContain("/usr/lib/postgresql/15/bin/postgres");
    expect(found(words, commands)).toEqual([]);
  });

  it("are in the clear in no plan, also of a machine that is made anew", async () => {
    const urn = (await stateText()).match(/urn:[^"]*server:Server::app-1/)![0];
    const plan = join(lab.folder, "plan.json");
    const options = ["--non-interactive", "--diff", "--save-plan", plan, "--replace", urn];
    const preview = await lab.pulumi("preview", ...options);
    expect(preview, preview.stdout + preview.stderr).toMatchObject({ exitCode: 0 });
    expect(await readFile(plan, "utf8")).toContain("create-replacement");
    expect(found(words, preview.stdout + preview.stderr)).toEqual([]);
  });

  it("are in the clear in no file of the state, the plan, the cloud's database and logs, but where they belong", async () => {
    const files = await filesWith(words, lab.folder);
    expect(files.filter((file) => !isItsPlace(file))).toEqual([]);
    // The search finds what is there.
    expect(files.map((file) => file.slice(lab.folder.length))).toContain("/state/lab/ssh/key");
  });

  it("are in no journal of the machine, and there in no file that everybody may read", async () => {
    const journal = await onMachine(
      "shell",
      "journalctl --no-pager; cat /var/log/cloud-init*.log /proc/[0-9]*/cmdline",
    );
    expect(journal).toContain("dukaan-api@");
    expect(found(words, journal)).toEqual([]);
    const hostKey = new Map([...words].filter(([, path]) => /SshKey app-1|userData/.test(path)));
    const userData = await onMachine("shell", "cat /var/lib/cloud/instance/user-data.txt");
    expect(found(hostKey, userData).length).toBeGreaterThan(0);
    expect(found(new Map([...words].filter(([one]) => !hostKey.has(one))), userData)).toEqual([]);

    const list = join(lab.folder, "words");
    await writeFile(list, [...words.keys()].join("\n"), { mode: 0o600 });
    const ssh = join(lab.stateFolder, "ssh");
    const access = ["-i", join(ssh, "key"), "-o", `UserKnownHostsFile=${join(ssh, "known_hosts")}`];
    const search =
      'grep -rlaF -f - --exclude-dir=journal --exclude-dir=cloud /etc /var /opt /root /home /run /tmp /usr/local | while read -r file; do su -s /bin/sh nobody -c "cat \'$file\'" >/dev/null 2>&1 && echo "open $file" || echo "closed $file"; done';
    const { stdout } = await execa("ssh", [...access, url.replace("https://", "root@"), search], {
      inputFile: list,
    });
    await rm(list);
    expect(stdout).toMatch(/^closed \/opt\/dukaan\/releases\/api\/\w+\/env$/m);
    expect(stdout).not.toMatch(/^open/m);
  });
});

describe("./dukaan down of a stack on a real cloud", () => {
  it("is refused, and names what to say", async () => {
    const result = await lab.dukaan("down", "--stack", "prod");
    expect(result).toMatchObject({ exitCode: 4 });
    expect(result.stderr).toContain("./dukaan down --stack prod --destroy-data prod");
    const other = await lab.dukaan("down", "--stack", "prod", "--destroy-data", "staging");
    expect(other).toMatchObject({ exitCode: 4 });
  });
});

/** Files that are there to hold a secret; nobody else may read them. */
function isItsPlace(file: string): boolean {
  return (
    /\/(ssh\/key|token|seed\/user-data|objects\/(accounts\/)?[^/]+)$/.test(file) &&
    (statSync(file).mode & 0o077) === 0
  );
}

async function setServerType(name: string): Promise<void> {
  // The first time it asks `./dukaan env`, which copies the settings of the checkout anew.
  await lab.pulumi("version");
  const config = join(lab.stateFolder, "project", "Pulumi.lab.yaml");
  const text = await readFile(config, "utf8");
  await writeFile(config, text.replace(/dukaan:serverType: .*/, `dukaan:serverType: ${name}`));
}

async function theServer(): Promise<typeof server> {
  const { servers } = await lab.cloud<{ servers: (typeof server)[] }>("GET", "/servers");
  expect(servers).toHaveLength(1);
  return servers[0]!;
}

function stateText(): Promise<string> {
  return readFile(join(lab.stateFolder, "backend", ".pulumi", "stacks", "dukaan", "lab.json"), "utf8");
}

/** MiB. */
function sharedBuffers(): Promise<string> {
  return onMachine("psql", "select setting::int / 128 from pg_settings where name = $$shared_buffers$$");
}

async function onMachine(kind: "psql" | "shell", text: string): Promise<string> {
  const status = await lab.dukaan("local", "status", "--json");
  const { servers } = JSON.parse(status.stdout) as { servers: { name: string }[] };
  const words =
    kind === "psql"
      ? ["runuser", "-u", "postgres", "--", "psql", "-qAt", "shop", "-c", text]
      : ["sh", "-c", text];
  const result = await lab.dukaan("local", "ssh", servers[0]!.name, "--", ...words);
  expect(result, result.stderr).toMatchObject({ exitCode: 0 });
  return result.stdout.trim();
}
