import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startCloudProxy, withBrokenPart } from "./cloud-proxy.js";
import { createLab, type Lab } from "./lab.js";

// The role `base` on a real machine: who gets in, what its firewall drops, what happens to changes made by hand, and to a
// machine that is away or gone. The steps build on one another.

let lab: Lab;
let address: string;
let config: string;
let settings: string;

interface Answer {
  servers?: { id: number; name: string; status: string }[];
  networks?: { id: number }[];
  ssh_keys?: { id: number }[];
  server?: { id: number };
}

beforeAll(async () => {
  lab = await createLab("base");
  const up = await lab.dukaan("up", "--json");
  if (up.exitCode !== 0) throw new Error(up.stderr);
  address = new URL((JSON.parse(up.stdout) as { url: string }).url).hostname;
  // The first call prints the environment, which writes the configuration anew; the tests change it after that.
  await lab.pulumi("version");
  config = join(lab.stateFolder, "project", "Pulumi.lab.yaml");
  settings = await readFile(config, "utf8");
});
afterAll(() => lab?.remove());

/** `pulumi up` with other settings than the stack's file has. */
async function upWith(lines: string) {
  await writeFile(config, settings.replace("config:\n", `config:\n${lines}`));
  return lab.pulumi("up", "--yes", "--skip-preview", "--non-interactive", "--color=never");
}

async function onMachine(command: string): Promise<string> {
  const result = await lab.dukaan("ssh", "--", command);
  if (result.exitCode !== 0) throw new Error(`${command}: ${result.stderr}${result.stdout}`);
  return result.stdout.trim();
}

const api = (path: string, method = "GET", body?: object) => lab.cloud<Answer>(method, path, body);
const server = async () => (await api("/servers")).servers![0]!;

describe("who gets in", () => {
  const options = [
    "BatchMode=yes",
    "StrictHostKeyChecking=no",
    "UserKnownHostsFile=/dev/null",
    "IdentitiesOnly=yes",
  ]
    .concat("IdentityAgent=none", "LogLevel=ERROR")
    .flatMap((option) => ["-o", option]);
  const login = async (key: string, times = 20): Promise<{ exitCode?: number; stderr: string }> => {
    const words = ["-F", "none", ...options, "-i", key, `root@${address}`, "true"];
    const { exitCode = -1, stderr } = await execa("ssh", words, { reject: false });
    // While sshd reads its settings anew it neither lets anybody in nor refuses anybody.
    if (times === 0 || !/Connection (refused|reset|closed)/.test(stderr)) return { exitCode, stderr };
    await sleep(300);
    return login(key, times - 1);
  };

  it("an operator's key lets in when the settings have it and not a moment longer; the server stays", async () => {
    const key = join(lab.stateFolder, "operator");
    await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "ada@laptop", "-f", key]);
    const line = (await readFile(`${key}.pub`, "utf8")).trim();
    const { id } = await server();

    expect((await login(key)).stderr).toContain("Permission denied (publickey)");
    const added = await upWith(`  dukaan:operatorKeys:\n    - ${line}\n`);
    expect(added, added.stdout + added.stderr).toMatchObject({ exitCode: 0 });
    expect(added.stdout).not.toMatch(/replace|create/);
    // sshd takes the new keys with its reload.
    await until(async () => (await login(key)).exitCode === 0);

    const removed = await upWith("");
    expect(removed, removed.stdout + removed.stderr).toMatchObject({ exitCode: 0 });
    expect((await login(key)).stderr).toContain("Permission denied (publickey)");
    expect((await server()).id).toBe(id);
  });

  it("the deploy key is changed; the server stays, and the old key lets nobody in", async () => {
    const { id } = await server();
    const key = join(lab.stateFolder, "ssh", "key");
    const before = await readFile(key, "utf8");
    const rotated = await lab.dukaan("rotate", "deploy-key", "--json");
    expect(rotated, rotated.stderr).toMatchObject({ exitCode: 0 });
    expect(await readFile(key, "utf8")).not.toBe(before);
    expect((await login(key)).exitCode).toBe(0);
    const old = join(lab.stateFolder, "old-key");
    await writeFile(old, before, { mode: 0o600 });
    expect((await login(old)).stderr).toContain("Permission denied (publickey)");
    expect(existsSync(`${key}.old`)).toBe(false);
    expect((await api("/ssh_keys")).ssh_keys).toHaveLength(1);
    expect((await server()).id).toBe(id);
    const again = await lab.dukaan("up", "--json");
    expect(Object.keys((JSON.parse(again.stdout) as { changes: object }).changes)).toEqual(["same"]);
  });

  it("the session secret is changed: the app signs with another one", async () => {
    const secret = async () =>
      /SESSION_SECRET='(\w+)'/.exec(await onMachine("cat /opt/dukaan/releases/api/current/env"))?.[1];
    const before = await secret();
    const rotated = await lab.dukaan("rotate", "session-secret", "--json");
    expect(rotated, rotated.stderr).toMatchObject({ exitCode: 0 });
    expect(await secret()).toMatch(/^\w{64}$/);
    expect(await secret()).not.toBe(before);
    expect(await onMachine("systemctl list-units --plain --no-legend 'dukaan-api@*' | wc -l")).toBe("1");
    const wrong = await lab.dukaan("rotate", "everything");
    expect(wrong).toMatchObject({ exitCode: 2 });
    expect(wrong.stderr).toContain("database-password, session-secret, deploy-key");
  });

  it("nobody gets in by a password; sshd's effective settings", async () => {
    const byPassword = await execa(
      "ssh",
      [...options, "-o", "PreferredAuthentications=password,keyboard-interactive", `root@${address}`],
      { reject: false },
    );
    expect(byPassword.stderr).toContain("Permission denied (publickey)");
    const effective = (await onMachine("sshd -T")).split("\n");
    expect(effective).toEqual(
      expect.arrayContaining([
        "passwordauthentication no",
        "kbdinteractiveauthentication no",
        "permitrootlogin without-password",
        "authenticationmethods publickey",
        "x11forwarding no",
        "allowagentforwarding no",
        "maxauthtries 3",
      ]),
    );
  });
});

describe("what the machine keeps to itself", () => {
  it("drops on the private network what no flow declares; the public side stays the cloud firewall's", async () => {
    const { networks } = await api("/networks");
    const made = await api("/servers", "POST", {
      name: "probe",
      server_type: "local-512",
      image: "debian-12",
      location: "fsn1",
      networks: [networks![0]!.id],
    });
    try {
      const addresses = JSON.parse((await lab.dukaan("outputs", "--json")).stdout) as {
        addresses: { "app-1": { private: string } };
      };
      const target = addresses.addresses["app-1"].private;
      const probe = async (port: number) => {
        const words = ["timeout", "10", "bash", "-c", `'(: </dev/tcp/${target}/${port}) 2>&1'`];
        return lab.dukaan("local", "ssh", "probe", "--", "sh", "-c", words.join(" "));
      };
      await until(
        async () =>
          (await lab.dukaan("local", "ssh", "probe", "--", "ip", "route", "get", target)).exitCode === 0,
      );
      for (const port of [22, 443, 5432, 6432, 9]) {
        const answer = await probe(port);
        expect(answer.exitCode, `port ${port}: ${answer.stdout}`).not.toBe(0);
        expect(answer.stdout, `port ${port}`).toMatch(/No route to host|administratively|unreachable/i);
      }
      // The way there is open: without the machine's own firewall the probe gets in.
      await onMachine("nft insert rule inet dukaan private tcp dport 22 accept");
      expect((await probe(22)).exitCode).toBe(0);
      await onMachine("systemctl reload nftables");
      expect((await probe(22)).exitCode).not.toBe(0);
    } finally {
      await api(`/servers/${made.server!.id}`, "DELETE");
    }
  });

  it("bounds its logs, installs security updates daily, and keeps the time", async () => {
    expect(await onMachine("systemd-analyze cat-config systemd/journald.conf")).toMatch(/SystemMaxUse=\d+M/);
    expect(await onMachine("apt-config dump APT::Periodic::Unattended-Upgrade")).toContain('"1"');
    expect(await onMachine("apt-config dump Unattended-Upgrade::Origins-Pattern")).toContain(
      "label=Debian-Security",
    );
    expect(await onMachine("systemctl is-enabled apt-daily-upgrade.timer chrony.service")).toBe(
      "enabled\nenabled",
    );
    // A container has its host's clock and may not set it.
    expect(await onMachine("systemctl show --property ConditionResult chrony.service")).toBe(
      "ConditionResult=no",
    );
  });
});

describe("what somebody does to it", () => {
  it("a file changed by hand: the preview names it, up puts it back", async () => {
    const file = "/etc/nginx/nginx.conf";
    const before = await onMachine(`sha256sum ${file}`);
    await onMachine(`echo "# by hand" >>${file}`);
    const shown = await lab.pulumi("preview", "--refresh", "--diff", "--non-interactive", "--color=never");
    expect(shown.stdout + shown.stderr).toContain(file);
    expect(shown.stdout + shown.stderr).not.toMatch(/[~+-] \/etc\/nginx\/pages\/unavailable\.html/);
    const up = await lab.dukaan("up", "--json");
    expect(up, up.stderr).toMatchObject({ exitCode: 0 });
    expect(await onMachine(`sha256sum ${file}`)).toBe(before);
  });

  it("a configuration that nginx rejects never becomes active: nginx's own message, the old one serves on", async () => {
    // A file of Debian's that nginx.conf includes, and a reason to apply the role.
    await onMachine(
      "cp /etc/nginx/mime.types /root/ && echo nonsense >>/etc/nginx/mime.types && echo '# by hand' >>/etc/nginx/nginx.conf",
    );
    const before = await onMachine("sha256sum /etc/nginx/nginx.conf");
    const failed = await lab.dukaan("up", "--json");
    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toMatch(/\[emerg\] .*mime\.types/);
    expect(await onMachine("sha256sum /etc/nginx/nginx.conf")).toBe(before);
    expect(await onMachine("curl -sk -o /dev/null -w '%{http_code}' https://127.0.0.1/readyz")).toBe("200");
    await onMachine("mv /root/mime.types /etc/nginx/mime.types");
    const mended = await lab.dukaan("up", "--json");
    expect(mended, mended.stderr).toMatchObject({ exitCode: 0 });
    expect(await onMachine("sha256sum /etc/nginx/nginx.conf")).not.toBe(before);
  });

  it("a machine that is off is an error that says so, and no reason to replace it", async () => {
    const { id } = await server();
    await api(`/servers/${id}/actions/poweroff`, "POST");
    await until(async () => (await server()).status === "off");
    const shown = await lab.pulumi("preview", "--refresh", "--non-interactive", "--color=never");
    const told = shown.stdout + shown.stderr;
    expect(told).toMatch(new RegExp(`could not be looked at: cannot reach ${address} port 22`));
    expect(told).not.toMatch(/replace|delete|\+.*hcloud:/);
    await api(`/servers/${id}/actions/poweron`, "POST");
    await until(async () => (await lab.dukaan("ssh", "--", "true")).exitCode === 0, 90);
    expect((await server()).id).toBe(id);
  });

  it("a server deleted behind its back: shown, made anew, with roles and release", async () => {
    const { id } = await server();
    await api(`/servers/${id}`, "DELETE");
    const shown = await lab.pulumi("preview", "--refresh", "--non-interactive", "--color=never");
    expect(shown, shown.stdout + shown.stderr).toMatchObject({ exitCode: 0 });
    expect(shown.stdout).toMatch(/\+.*hcloud:.*Server\b/);
    const up = await lab.dukaan("up", "--json");
    expect(up, up.stderr).toMatchObject({ exitCode: 0 });
    expect((await server()).id).not.toBe(id);
    expect(new URL((JSON.parse(up.stdout) as { url: string }).url).hostname).toBe(address);
    const diagnosis = await lab.dukaan("diagnose", "--json", "--minutes", "0.1");
    expect((JSON.parse(diagnosis.stdout) as { machines: object[] }).machines).toMatchObject([
      { reachable: true },
    ]);
  });

  it("user data that cloud-init cannot take all of: up fails with its words; rebuild mends it", async () => {
    await api(`/servers/${(await server()).id}`, "DELETE");
    const { HCLOUD_ENDPOINT } = JSON.parse((await lab.dukaan("env", "--json")).stdout) as Record<
      string,
      string
    >;
    const proxy = await startCloudProxy(HCLOUD_ENDPOINT!, withBrokenPart);
    try {
      await lab.configure("hcloud:endpoint", proxy.endpoint);
      const options = ["--yes", "--skip-preview", "--refresh", "--non-interactive", "--color=never"];
      const failed = await lab.pulumi("up", ...options);
      expect(failed.exitCode).not.toBe(0);
      const told = failed.stdout + failed.stderr;
      expect(told).toMatch(
        /cloud-init did not take all of the user-data:[^]*yaml[^]*Its log: \/var\/log\/cloud-init/i,
      );
      expect(told).toContain("./dukaan rebuild");
    } finally {
      proxy.close();
    }
    const rebuilt = await lab.dukaan("rebuild", "app-1", "--yes");
    expect(rebuilt, rebuilt.stderr).toMatchObject({ exitCode: 0 });
  });
});

async function until(condition: () => Promise<boolean>, seconds = 30): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!(await condition())) {
    if (performance.now() > deadline)
      throw new Error(`still not so after ${seconds} s: ${condition.toString()}`);
    await sleep(300);
  }
}
