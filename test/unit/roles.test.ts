import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { describe, expect, it } from "vitest";
import { backup as bucket, resolved } from "./provisioned.js";
import { acme } from "../../src/roles/acme/index.js";
import { projectRoot } from "../../src/project.js";
import { archiveCommand, backup } from "../../src/roles/backup/index.js";
import { api, nodeOptions } from "../../src/roles/api/index.js";
import { base } from "../../src/roles/base/index.js";
import { haproxy } from "../../src/roles/haproxy/index.js";
import { keepalived } from "../../src/roles/keepalived/index.js";
import { nginx } from "../../src/roles/nginx/index.js";
import { pgbouncer } from "../../src/roles/pgbouncer/index.js";
import { postgresql } from "../../src/roles/postgresql/index.js";
import { scramVerifier } from "../../src/roles/postgresql/scram.js";
import { databaseSizing } from "../../src/roles/postgresql/sizing.js";
import type { RoleDefinition } from "../../src/roles/role.js";
import { volume } from "../../src/roles/volume/index.js";
import { parseSettings } from "../../src/settings/parse.js";
import { renderTemplate } from "../../src/template.js";
import { serverTypes } from "../../src/topology/catalog.js";
import { poolSize } from "../../src/topology/connections.js";
import { type Topology, machineNamed } from "../../src/topology/topology.js";
import { topologyOf } from "../../stacks/index.js";

const { settings } = parseSettings("lab", {
  "hcloud:token": "t".repeat(64),
  "hcloud:endpoint": "http://127.0.0.1:8470/v1",
});
if (!settings) throw new Error("the settings of this test are wrong");
const topology = topologyOf(settings);
const machine = machineNamed(topology, "app-1");
const sizing = databaseSizing(machine, false);
const logins = [{ name: "shop_1", verifier: "SCRAM-SHA-256$4096:AAAA$BBBB:CCCC" }];
const authorizedKeys = ["ssh-ed25519 AAAA deploy@lab\n", "ssh-ed25519 BBBB ada"];

const network = {
  address: "10.10.2.10",
  clients: [],
  standbys: [],
  authority: "PEM",
  certificate: "PEM",
  privateKey: "PEM",
};

const roles: RoleDefinition[] = [
  base({ topology, machine, authorizedKeys }),
  postgresql({ sizing, logins, network }),
  pgbouncer({
    databaseHost: "/run/postgresql",
    databaseAuthority: "PEM",
    poolSize: 5,
    logins,
  }),
  volume({ device: "/dev/disk/by-id/scsi-0HC_Volume_7", sizeGB: 20, path: "/var/lib/postgresql" }),
  nginx({
    cores: 1,
    public: { certificate: "PEM", privateKey: "PEM" },
    balanced: {
      address: "10.10.2.10",
      port: 8443,
      balancers: ["10.10.1.10"],
      tls: { certificate: "PEM", privateKey: "PEM" },
    },
    strictTransport: false,
  }),
  haproxy({
    machine,
    servers: [{ name: "app-1", hostname: "lab-app-1", privateAddress: "10.10.2.10" }],
    port: 8443,
    authority: "PEM",
    public: { certificate: "PEM", privateKey: "PEM" },
    strictTransport: false,
  }),
  keepalived({
    name: "edge-1",
    privateAddress: "10.10.1.10",
    peers: ["10.10.1.11"],
    address: "203.0.113.9",
    addressId: "7",
    serverId: "8",
    failover: { endpoint: "https://api.hetzner.cloud/v1", token: "t".repeat(64) },
  }),
  acme({
    settings: { directory: "https://acme.example/dir", email: "ops@example.com", caCertificate: "PEM" },
    domain: "shop.example.com",
    accountKey: "KEY",
    standIn: { certificate: "PEM", privateKey: "KEY" },
    service: "nginx.service",
  }),
  api(machine),
  backup({
    bucket: { ...bucket, caCertificate: "PEM" },
    plan: {
      path: "/lab",
      fullSchedule: "Sun 02:00 UTC",
      differentialSchedule: "Mon..Sat 02:00 UTC",
      keepFull: 4,
    },
    passphrase: "PASSPHRASE",
    machine,
  }),
];

function fileOf(role: RoleDefinition, path: string): string {
  const content = role.files?.find((file) => file.path === path)?.content;
  if (typeof content !== "string") throw new Error(`${role.name} has no plain file ${path}`);
  return content;
}

describe("roles", () => {
  it("share no file, so that none takes another's away", () => {
    const paths = roles.flatMap(({ files = [] }) => files.map(({ path }) => path));
    expect(new Set(paths).size).toBe(paths.length);
  });

  it("have files with octal modes, absolute paths and no placeholder left", async () => {
    for (const { files = [] } of roles) {
      for (const { path, mode, content } of files) {
        expect(path).toMatch(/^\/[\w./@-]+$/);
        expect(mode).toMatch(/^0[0-7]{3}$/);
        expect(await resolved(content)).not.toMatch(/\{\{|undefined|NaN/);
      }
    }
  });

  it("keep what is secret from other users of the machine", () => {
    const open = roles.flatMap(({ files = [] }) =>
      files.filter(({ secret, mode }) => secret && !mode.endsWith("0")),
    );
    expect(open).toEqual([]);
  });

  it("give the app room for the worst picture beside it, and let it outlive a picture that was too much", () => {
    const unit = (memoryMiB: number) => fileOf(api({ memoryMiB }), "/etc/systemd/system/dukaan-api@.service");
    const limitMiB = (memoryMiB: number) => Number(/^MemoryMax=(\d+)M$/m.exec(unit(memoryMiB))?.[1]);
    // The app, the picture, three uploads; and PostgreSQL's memory is left.
    expect(limitMiB(512) * 1.048576).toBeGreaterThanOrEqual(133 + 120 + 3 * 20);
    expect(limitMiB(512)).toBeLessThanOrEqual(320);
    expect(limitMiB(4096)).toBe(1843);
    expect(unit(512)).toMatch(/^OOMPolicy=continue$/m);
  });

  it("have shell scripts that a shell can read", async () => {
    const files = roles.flatMap(({ files: own = [] }) => own);
    const read = files.map(async ({ path, content }) => ({ path, content: await resolved(content) }));
    const scripts = (await Promise.all(read)).filter(({ content }) => content.startsWith("#!/bin/sh"));
    expect(scripts.map(({ path }) => path).toSorted()).toEqual([
      "/usr/local/lib/dukaan/backup-state",
      "/usr/local/lib/dukaan/certificate",
      "/usr/local/lib/dukaan/check-pgbouncer",
      "/usr/local/lib/dukaan/complete-postgresql-cluster",
      "/usr/local/lib/dukaan/copy-database",
      "/usr/local/lib/dukaan/current-release",
      "/usr/local/lib/dukaan/database",
      "/usr/local/lib/dukaan/maintenance",
      "/usr/local/lib/dukaan/note-vrrp-state",
      "/usr/local/lib/dukaan/pgbackrest-archive",
      "/usr/local/lib/dukaan/pool",
      "/usr/local/lib/dukaan/prepare-backups",
      "/usr/local/lib/dukaan/publish-socket",
      "/usr/local/lib/dukaan/release-servers",
      "/usr/local/lib/dukaan/reload-haproxy",
      "/usr/local/lib/dukaan/restart-postgresql-if-needed",
      "/usr/local/lib/dukaan/restore-database",
      "/usr/local/lib/dukaan/rotation",
      "/usr/local/lib/dukaan/tune-memory",
      "/usr/local/lib/dukaan/volume",
    ]);
    for (const { content } of scripts) execFileSync("sh", ["-n"], { input: content });
  });

  it("use every file that lies beside them", () => {
    const folder = join(projectRoot, "src", "roles");
    const unused = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith(".ts"))
      .filter(({ name, parentPath }) => {
        const definitions = readdirSync(parentPath)
          .filter((beside) => beside.endsWith(".ts"))
          .map((beside) => readFileSync(join(parentPath, beside), "utf8"))
          .join("\n");
        return (
          !definitions.includes(`/${name}\``) && !definitions.includes(`program("${name.replace(".sh", "")}"`)
        );
      })
      .map(({ name }) => name);
    expect(unused).toEqual([]);
  });
});

describe("backup", () => {
  it("archives WAL within a minute where there are backups, and nothing where there are none", () => {
    const path = "/etc/postgresql/15/main/postgresql.conf";
    const archiving = fileOf(postgresql({ sizing, logins, archiveCommand, network }), path);
    expect(archiving).toMatch(/^archive_mode = on$/m);
    expect(archiving).toMatch(/^archive_timeout = 60$/m);
    // pgBackRest refuses to work with a command that does not name it.
    expect(archiving).toMatch(/^archive_command = '\S*pgbackrest\S* %p'$/m);
    expect(fileOf(postgresql({ sizing, logins, network }), path)).toMatch(/^archive_mode = off$/m);
  });

  it("hands no key to anyone but root and PostgreSQL", () => {
    const role = roles.find(({ name }) => name === "backup");
    const secrets = role?.files?.filter(({ secret }) => secret).map(({ path, mode }) => [path, mode]);
    expect(secrets).toEqual([
      ["/etc/pgbackrest/pgbackrest.conf", "0640"],
      ["/etc/dukaan/backup/s3.curl", "0600"],
    ]);
    const others = role?.files?.filter(({ secret }) => !secret).map(({ content }) => content);
    expect(JSON.stringify(others)).not.toMatch(/ACCESS|SECRET|PASSPHRASE/);
  });
});

describe("base", () => {
  it("installs in one go what can be installed before its configuration", () => {
    expect(roles[0]?.packages).toEqual(expect.arrayContaining(["nftables", "nginx", "pgbouncer"]));
    expect(roles[0]?.packages).not.toContain("postgresql-15");
  });

  it("closes the private side but for declared flows", () => {
    const [first] = topology.machines;
    if (!first) throw new Error("no machine");
    const database = {
      ...first,
      name: "database-1",
      tier: "database" as const,
      privateAddress: "10.10.3.10",
    };
    const split: Topology = {
      ...topology,
      machines: [first, database],
      services: [
        { name: "pgbouncer", machines: ["app-1"] },
        { name: "postgresql", machines: ["database-1"] },
      ],
      flows: [{ from: "pgbouncer", to: "postgresql", protocol: "tcp", port: 5432, purpose: "queries" }],
    };
    const rules = (name: string) =>
      fileOf(
        base({ topology: split, machine: machineNamed(split, name), authorizedKeys }),
        "/etc/nftables.conf",
      );
    expect(rules("database-1")).toContain("ip saddr { 10.10.2.10 } tcp dport 5432 accept\n    reject");
    expect(rules("app-1")).not.toContain("dport");
  });
});

describe("sizing", () => {
  it("leaves room for the rest on the smallest server", () => {
    expect(sizing).toEqual({
      maxConnections: 40,
      sharedBuffersMiB: 64,
      effectiveCacheSizeMiB: 192,
      workMemKiB: 1638,
      maintenanceWorkMemMiB: 16,
      maxWalSizeMiB: 500,
      parallelWorkers: 1,
      parallelWorkersPerQuery: 0,
      autovacuumWorkers: 1,
    });
    expect(nodeOptions(machine)).toBe("--max-old-space-size=102 --max-semi-space-size=8");
  });

  it.each(serverTypes.map((type) => [type.name, type] as const))("fits %s", (_name, type) => {
    for (const dedicated of [false, true]) {
      const size = databaseSizing(type, dedicated);
      const share = dedicated ? type.memoryMiB : type.memoryMiB / 2;
      // Every connection sorting at once, and the buffers, fit into the database's share.
      expect(size.sharedBuffersMiB + (size.workMemKiB / 1024) * size.maxConnections).toBeLessThanOrEqual(
        share,
      );
      expect(size.maxConnections).toBeGreaterThan(poolSize(type, 1));
      expect(size.maxWalSizeMiB).toBeLessThan((type.diskGB * 1000) / 10);
    }
  });
});

describe("scramVerifier", () => {
  it("agrees with RFC 7677's example", () => {
    // User "user", password "pencil", this salt, 4096 rounds: the server's signature follows from this ServerKey.
    const verifier = scramVerifier("pencil", "W22ZaJ0SNY7soEsUEjb6gQ==");
    expect(verifier).toBe(
      "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
    );
  });
});

describe("templates", () => {
  it("want every value, and every value used", () => {
    const path = "src/roles/pgbouncer/pgbouncer.ini";
    expect(() => renderTemplate(path, { databaseHost: "", databaseAuthorityFile: "" })).toThrow(
      "names {{poolSize}}",
    );
    expect(() =>
      renderTemplate(path, { databaseHost: "", databaseAuthorityFile: "", poolSize: 5, more: 1 }),
    ).toThrow("does not name more");
  });

  it("make user data that is YAML with the keys in it", () => {
    const key = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n";
    const userData = renderTemplate("src/platform/hetzner/cloud-config.yaml", {
      loginKey: JSON.stringify("ssh-ed25519 AAAA deploy@lab"),
      hostPrivateKey: JSON.stringify(key),
      hostPublicKey: JSON.stringify("ssh-ed25519 BBBB host@lab"),
    });
    expect(userData.startsWith("#cloud-config\n")).toBe(true);
    expect(parse(userData)).toEqual({
      disable_root: false,
      ssh_pwauth: false,
      ssh_authorized_keys: ["ssh-ed25519 AAAA deploy@lab"],
      ssh_deletekeys: true,
      ssh_keys: { ed25519_private: key, ed25519_public: "ssh-ed25519 BBBB host@lab" },
    });
  });
});
