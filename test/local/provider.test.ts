import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { patienceSeconds } from "../../providers/dukaan/ssh/machine.js";
import { secret, type Properties } from "../../providers/dukaan/values.js";
import { TestEngine } from "../unit/provider-engine.js";
import { startTestMachine, type TestMachine } from "./provider-machine.js";

const role = "dukaan:index:Role";
let machine: TestMachine;
let engine: TestEngine;

beforeAll(async () => {
  machine = await startTestMachine("provider");
  engine = await TestEngine.start();
});
afterAll(async () => {
  engine?.close();
  await machine?.remove();
});

const rootFile = { owner: "root", group: "root", mode: "0644" };

function nginxConf(text: string, { port = 80, extra = "" } = {}): string {
  return `
user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  ${extra}
  server { listen ${port}; return 200 "${text}\\n"; }
}
`;
}

/** For as long as a busy machine may take. */
const check = { command: ["curl", "-fsS", "http://127.0.0.1/"], timeoutSeconds: 20 };

function nginx(conf: string, changes: Properties = {}): Properties {
  return {
    connection: connection(),
    serverId: "1",
    name: "nginx",
    packages: ["nginx"],
    files: { "/etc/nginx/nginx.conf": { content: conf, ...rootFile } },
    validate: [["nginx", "-t", "-q", "-c", "{root}/etc/nginx/nginx.conf"]],
    services: [{ name: "nginx", enabled: true, onChange: "reload" }],
    checks: [check],
    ...changes,
  };
}

function connection(): Properties {
  return { ...machine.connection, privateKey: secret(machine.connection.privateKey) };
}

/** What nginx answers, seen from this computer. */
async function answer(): Promise<string> {
  const response = await fetch(`http://${machine.connection.host}/`, { headers: { connection: "close" } });
  return (await response.text()).trim();
}

describe("a role", () => {
  test("installs its packages without starting them, puts its files in place and starts its services", async () => {
    const outputs = await engine.up(role, "nginx", nginx(nginxConf("one")));
    expect(await answer()).toBe("one");
    const [found] = (await machine.sh("sha256sum < /etc/nginx/nginx.conf")).split(" ");
    expect(outputs).toEqual({
      digest: expect.stringMatching(/^[0-9a-f]{16}$/),
      fileDigests: { "/etc/nginx/nginx.conf": found },
    });
    // Debian's default site was never up: nginx has logged one start, with our configuration.
    expect(await machine.sh("journalctl -u nginx -o cat | grep -c ^Starting")).toBe("1");
    await machine.sh("test ! -e /usr/sbin/policy-rc.d && systemctl is-enabled nginx");
  });

  test("that is applied already changes nothing", async () => {
    const state = engine.state("nginx");
    const inputs = await engine.check(role, nginx(nginxConf("one")), state.inputs);
    expect((await engine.diff(role, state, inputs)).changes).toEqual({});
    const before = await machine.sh(
      "systemctl show nginx -p ExecMainPID -p NRestarts; stat -c %Z /etc/nginx/nginx.conf",
    );
    await engine.update(role, state, inputs);
    const after = await machine.sh(
      "systemctl show nginx -p ExecMainPID -p NRestarts; stat -c %Z /etc/nginx/nginx.conf",
    );
    expect(after).toBe(before);
  });

  test("with a configuration that its program rejects never becomes active", async () => {
    const bad = nginx(nginxConf("two", { extra: "bogus on;" }));
    await expect(engine.up(role, "nginx", bad)).rejects.toThrow(
      /failed at step "validate 1"; nothing was switched[^]*unknown directive "bogus"/,
    );
    expect(await answer()).toBe("one");
    expect(await machine.sh("cat /etc/nginx/nginx.conf")).toContain("one");
    expect(await engine.drift(role, "nginx", nginx(nginxConf("one")))).toEqual({});
  });

  test("whose check fails is rolled back, services too", async () => {
    const files = {
      "/etc/nginx/nginx.conf": { content: nginxConf("two", { port: 81 }), ...rootFile },
      "/etc/nginx/new.conf": { content: "# new\n", ...rootFile },
    };
    await expect(
      engine.up(role, "nginx", nginx("", { files, checks: [{ ...check, timeoutSeconds: 1 }] })),
    ).rejects.toThrow(/failed at step "checks 1"; what was there before is back[^]*curl: \(7\)/);
    expect(await answer()).toBe("one");
    expect(
      await machine.sh("ls /etc/nginx/new.conf /var/lib/dukaan/roles/nginx/pending 2>&1 || true"),
    ).not.toMatch(/^\//m);
    expect(await engine.drift(role, "nginx", nginx(nginxConf("one")))).toEqual({});
  });

  test("whose service does not start carries the service's own message and is rolled back", async () => {
    const unit = "[Service]\nType=forking\nExecStart=/usr/sbin/nginx -c /etc/nginx/second.conf\n";
    const files = {
      "/etc/systemd/system/second.service": { content: unit, ...rootFile },
      "/etc/nginx/second.conf": {
        content: nginxConf("second").replace("/run/nginx.pid", "/run/second.pid"),
        ...rootFile,
      },
    };
    const services = [{ name: "second.service", enabled: true, onChange: "restart" }];
    const inputs = { connection: connection(), serverId: "1", name: "second", files, services };
    await expect(engine.up(role, "second", inputs)).rejects.toThrow(
      /failed at step "service second.service"; what was there before is back[^]*bind\(\) to 0\.0\.0\.0:80 failed \(98: Address already in use\)/,
    );
    expect(await machine.sh("find /etc/systemd /etc/nginx -name 'second*'")).toBe("");
    expect(await answer()).toBe("one");
  });

  test("removes what leaves its list", async () => {
    const extra = { "/etc/nginx/extra.conf": { content: "# extra\n", ...rootFile } };
    const conf = { "/etc/nginx/nginx.conf": { content: nginxConf("one"), ...rootFile } };
    await engine.up(role, "nginx", nginx("", { files: { ...conf, ...extra } }));
    await machine.sh("test -f /etc/nginx/extra.conf");
    const inputs = await engine.check(role, nginx("", { files: conf }));
    expect((await engine.diff(role, engine.state("nginx"), inputs)).changes).toEqual({
      'files["/etc/nginx/extra.conf"]': "delete",
    });
    await engine.up(role, "nginx", nginx("", { files: conf }));
    await machine.sh("test ! -e /etc/nginx/extra.conf");
  });
});

describe("drift", () => {
  test("is found file by file and repaired", async () => {
    const program = nginx(nginxConf("one"), {
      files: {
        "/etc/nginx/nginx.conf": { content: nginxConf("one"), ...rootFile },
        "/etc/dukaan/token": {
          content: "hush",
          owner: "root",
          group: "www-data",
          mode: "0640",
          secret: true,
        },
      },
      directories: [{ path: "/var/cache/shop", owner: "www-data", group: "www-data", mode: "0750" }],
    });
    await engine.up(role, "nginx", program);
    expect(await engine.drift(role, "nginx", program)).toEqual({});

    await machine.sh(`
      echo '# by hand' >> /etc/nginx/nginx.conf
      chmod 0666 /etc/dukaan/token
      chown root /var/cache/shop
      systemctl disable --now nginx`);
    expect(await engine.drift(role, "nginx", program)).toEqual({
      'files["/etc/nginx/nginx.conf"].content': "update",
      'files["/etc/dukaan/token"].mode': "update",
      directories: "update",
      services: "update",
    });
    // The operator sees what was written there, but not into a secret file.
    expect(engine.state("nginx").inputs).toMatchObject({
      files: { "/etc/nginx/nginx.conf": { content: `${nginxConf("one")}# by hand\n` } },
    });

    await engine.up(role, "nginx", program);
    expect(await answer()).toBe("one");
    expect(await machine.sh("stat -c '%a %U %G' /etc/dukaan/token /var/cache/shop")).toBe(
      "640 root www-data\n750 www-data www-data",
    );
    expect(await engine.drift(role, "nginx", program)).toEqual({});
  });

  test("of a secret file shows its hash only", async () => {
    const files = { "/etc/dukaan/token": { content: secret("hush"), ...rootFile } };
    const program = { connection: connection(), serverId: "1", name: "hushed", files };
    await engine.up(role, "hushed", program);
    await machine.sh("printf 'LOOSE-TONGUE-77' > /etc/dukaan/token");
    expect(await engine.drift(role, "hushed", program)).toEqual({
      'files["/etc/dukaan/token"].content': "update",
    });
    expect(JSON.stringify(engine.state("hushed"))).not.toContain("LOOSE-TONGUE");
  });

  test("a half applied role is seen and finished", async () => {
    const files = { "/etc/dukaan/half": { content: "half\n", ...rootFile } };
    const killed = { connection: connection(), serverId: "1", name: "half", files };
    // Kills the script that applies the role, as a power cut would: no way back is taken.
    const activate = [["sh", "-c", "p() { ps -o ppid= -p $1; }; kill -9 $(p $(p $PPID)); sleep 1"]];
    await expect(engine.up(role, "half", { ...killed, activate })).rejects.toThrow(
      'failed at step "activate 1"',
    );
    await machine.sh("test -e /etc/dukaan/half && test -e /var/lib/dukaan/roles/half/pending");
    await engine.up(role, "half", killed);
    await machine.sh(
      "test ! -e /var/lib/dukaan/roles/half/pending && test -L /var/lib/dukaan/roles/half/current",
    );
  });
});

test("roles of one machine can be applied at the same time, also when both install packages", async () => {
  const one = { connection: connection(), serverId: "1", name: "one", packages: ["jq"] };
  const two = { ...one, name: "two", packages: ["chrony", "jq"] };
  await Promise.all([engine.up(role, "one", one), engine.up(role, "two", two)]);
  expect(await machine.sh("dpkg-query -W -f='${binary:Package} ' jq chrony")).toBe("chrony jq ");
  await machine.sh("test ! -e /usr/sbin/policy-rc.d");
});

test("a cancelled role is rolled back on the machine", async () => {
  const other = await TestEngine.start();
  const files = { "/etc/dukaan/slow": { content: "slow\n", ...rootFile } };
  const inputs = {
    connection: connection(),
    serverId: "1",
    name: "slow",
    files,
    activate: [["sleep", "20"]],
  };
  const applying = other.up(role, "slow", inputs).catch((error: unknown) => String(error));
  while (!other.messages.includes("role slow: activate 1")) await sleep(50);
  await machine.sh("test -e /etc/dukaan/slow");
  await other.cancel();
  expect(await applying).toContain("cancelled by the operator");
  other.close();
  await machine.sh("test ! -e /etc/dukaan/slow");
});

test("another server id means another machine; deleting a role stops what it runs", async () => {
  const old = engine.state("nginx");
  const inputs = await engine.check(role, nginx(nginxConf("one"), { serverId: "2" }));
  expect((await engine.diff(role, old, inputs)).replaces).toEqual(["serverId"]);
  // Another server at the same address is left alone.
  await engine.delete(role, { ...old, inputs });
  expect(await answer()).toBe("one");
  await engine.delete(role, old);
  await machine.sh("! systemctl is-active nginx && ! systemctl is-enabled nginx");
  await engine.create(role, inputs);
  expect(await answer()).toBe("one");
});

describe("a machine", () => {
  test("with another host key is refused, and nothing is sent to it", async () => {
    const stranger = await engine.create("dukaan:index:SshKey", { comment: "stranger" });
    const inputs = nginx(nginxConf("one"), {
      connection: { ...connection(), hostKey: stranger.outputs["publicKey"] ?? "" },
    });
    await expect(engine.create(role, await engine.check(role, inputs))).rejects.toThrow(
      /shows another host key than the one recorded: SHA256:\S+ instead of SHA256:\S+\. Nothing was sent/,
    );
  });

  test("that refuses the key says so", async () => {
    const state = await engine.create("dukaan:index:SshKey", { comment: "stranger" });
    const inputs = nginx(nginxConf("one"), {
      connection: { ...connection(), privateKey: state.outputs["privateKey"] ?? "" },
    });
    const old = engine.state("nginx");
    await expect(engine.update(role, old, await engine.check(role, inputs))).rejects.toThrow(
      /refuses the deploy key for root/,
    );
  });

  test("that does not answer is an error that says where, why and for how long; deleting a role there is no error", async () => {
    const port = 1; // nobody listens there
    const before = { ...patienceSeconds };
    Object.assign(patienceSeconds, { update: 0.3, read: 0.3, delete: 0.3 });
    try {
      const gone = { ...connection(), host: "127.0.0.1", port };
      const inputs = await engine.check(role, nginx(nginxConf("one"), { connection: gone }));
      const old = { ...engine.state("nginx"), inputs };
      const message = new RegExp(
        `cannot reach 127.0.0.1 port ${port}: .*ECONNREFUSED.* \\(tried for \\d+ s\\)`,
      );
      await expect(engine.update(role, old, inputs)).rejects.toThrow(message);
      // A refresh gets past it, because the server may be gone; the next up meets the error.
      const unseen = await engine.read(role, old);
      expect(engine.messages.at(-1)).toMatch(message);
      expect((await engine.diff(role, unseen, inputs)).changes).toEqual({ digest: "update" });
      await engine.delete(role, old);
      expect(engine.messages.at(-1)).toMatch(/is forgotten, but was not stopped: cannot reach/);
    } finally {
      Object.assign(patienceSeconds, before);
    }
  });
});

test("a secret is nowhere but in its file", async () => {
  const sentinel = "SENTINEL-9f2c7e";
  const files = {
    "/etc/dukaan/secret.env": {
      content: secret(`PASSWORD=${sentinel}\n`),
      owner: "root",
      group: "root",
      mode: "0600",
    },
  };
  const watch = machine.sh(`
    for i in $(seq 100); do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -o 'SENTINE[L]-[0-9a-f]*' && break; sleep 0.01; done; true`);
  const program = { connection: connection(), serverId: "1", name: "secretive", files };
  const outputs = await engine.up(role, "secretive", program);
  expect(JSON.stringify(outputs)).not.toContain(sentinel);
  // The program's own complaint quotes the secret: the operator's message does not.
  const activate = [["sh", "-c", "cat /etc/dukaan/secret.env; exit 1"]];
  const failure = await engine
    .up(role, "secretive", { ...program, activate })
    .catch((error: unknown) => String(error));
  expect(failure).toContain("[secret]");
  expect(failure).not.toContain(sentinel);
  expect(await watch).toBe("");
  expect(engine.messages.join("\n")).not.toContain(sentinel);
  expect(
    await machine.sh(`grep -rl 'SENTINE[L]-9f2c7e' /etc /var /root /tmp /run /opt 2>/dev/null || true`),
  ).toBe("/etc/dukaan/secret.env");
});
