import * as pulumi from "@pulumi/pulumi";
import { renderTemplate } from "../../template.js";
import { type PrivateRule, arrivalRules, privateRules } from "../../topology/firewall.js";
import { type Machine, type Topology, servicesOn } from "../../topology/topology.js";
import { packages as backupPackages } from "../backup/index.js";
import { packages as haproxyPackages } from "../haproxy/index.js";
import { packages as keepalivedPackages } from "../keepalived/index.js";
import { packages as nginxPackages } from "../nginx/index.js";
import { packages as pgbouncerPackages } from "../pgbouncer/index.js";
import type { RoleDefinition } from "../role.js";

const here = "src/roles/base";

/**
 * Packages of services that can be installed before their configuration is there. One run of apt for all of them takes
 * a third of the time of one each. PostgreSQL's own role installs it: its package makes the database cluster, by the
 * settings that this role has put in place before.
 */
const packagesByService: Readonly<Record<string, readonly string[]>> = {
  haproxy: haproxyPackages,
  keepalived: keepalivedPackages,
  nginx: nginxPackages,
  pgbackrest: backupPackages,
  pgbouncer: pgbouncerPackages,
};

export interface BaseArgs {
  topology: Topology;
  machine: Machine;
  /** OpenSSH public keys that may log in as root: the deploy key and the operators'. */
  authorizedKeys: pulumi.Input<string>[];
}

/** What every machine has: who may log in and how, its own firewall, bounded logs, security updates. */
export function base({ topology, machine, authorizedKeys }: BaseArgs): RoleDefinition {
  const services = servicesOn(topology, machine.name);
  const root = { owner: "root", group: "root", mode: "0644" };
  return {
    name: "base",
    packages: [
      // Keeps the time: certificates, logs and backups depend on it.
      "chrony",
      "curl",
      "nftables",
      "unattended-upgrades",
      ...services.flatMap((service) => packagesByService[service] ?? []),
    ],
    directories: [
      { path: "/root/.ssh", owner: "root", group: "root", mode: "0700" },
      { path: "/etc/dukaan", owner: "root", group: "root", mode: "0755" },
    ],
    files: [
      {
        // For those who look at the machine itself: a container sees its host's processors.
        path: "/etc/dukaan/machine",
        content: `name=${machine.name}\ncores=${machine.cores}\nmemoryMiB=${machine.memoryMiB}\n`,
        ...root,
      },
      {
        path: "/root/.ssh/authorized_keys",
        content: pulumi.all(authorizedKeys).apply((keys) => `${keys.map((key) => key.trim()).join("\n")}\n`),
        ...root,
        mode: "0600",
      },
      {
        path: "/etc/ssh/sshd_config.d/10-dukaan.conf",
        content: renderTemplate(`${here}/sshd.conf`),
        ...root,
      },
      {
        path: "/etc/systemd/journald.conf.d/10-dukaan.conf",
        content: renderTemplate(`${here}/journald.conf`, journalSize(machine.diskGB)),
        ...root,
      },
      {
        path: "/etc/apt/apt.conf.d/60dukaan",
        content: renderTemplate(`${here}/security-updates.conf`),
        ...root,
      },
      { path: "/etc/nftables.conf", content: nftables(topology, machine), ...root, mode: "0640" },
      ...(isOnAws(topology, machine)
        ? [
            {
              path: "/etc/chrony/sources.d/amazon.sources",
              content: renderTemplate(`${here}/amazon.sources`),
              ...root,
            },
          ]
        : []),
      { path: "/etc/sysctl.d/60-dukaan.conf", content: renderTemplate(`${here}/sysctl.conf`), ...root },
      {
        path: "/usr/local/lib/dukaan/tune-memory",
        content: renderTemplate(`${here}/tune-memory.sh`, { swapMiB: Math.min(machine.memoryMiB, 2048) }),
        ...root,
        mode: "0755",
      },
      ...(services.some((service) => service.startsWith("postgresql"))
        ? [
            {
              path: "/etc/postgresql-common/createcluster.d/dukaan.conf",
              content: renderTemplate(`${here}/createcluster.conf`),
              ...root,
            },
          ]
        : []),
    ],
    validate: [
      ["sshd", "-t", "-f", "{root}/etc/ssh/sshd_config.d/10-dukaan.conf"],
      ["nft", "--check", "--file", "{root}/etc/nftables.conf"],
    ],
    services: [
      { name: "ssh.service", enabled: true, onChange: "reload" },
      { name: "nftables.service", enabled: true, onChange: "reload" },
      { name: "systemd-journald.service", enabled: true, onChange: "restart" },
      // Fetch and install security updates; images differ in whether they run.
      { name: "apt-daily.timer", enabled: true, onChange: "none" },
      { name: "apt-daily-upgrade.timer", enabled: true, onChange: "none" },
      // Only waits for shutdowns, with 20 MB of Python; the updates themselves are a timer's.
      { name: "unattended-upgrades.service", enabled: false, onChange: "none" },
    ],
    activate: [
      ["/usr/local/lib/dukaan/tune-memory"],
      // Not among the services: in a container, which has its host's clock, systemd starts it without an error and it does not run.
      ["systemctl", "start", "chrony.service"],
      // It may have been started before, with the image's own.
      ...(isOnAws(topology, machine) ? [["chronyc", "reload", "sources"]] : []),
    ],
  };
}

/** Logs take at most a hundredth of the disk. */
function journalSize(diskGB: number): { totalMiB: number; fileMiB: number } {
  const totalMiB = Math.max(64, Math.min(1024, diskGB * 10));
  return { totalMiB, fileMiB: totalMiB / 8 };
}

/** Numbers of protocols of IP whose names nftables looks up in a file that not every machine has. */
const ipProtocols: Readonly<Record<string, number>> = { vrrp: 112 };

function nftables(topology: Topology, machine: Machine): string {
  const networks = topology.regions.map(({ range }) => range).join(", ");
  if (isOnAws(topology, machine)) {
    const { inside, outside } = arrivalRules(topology, machine);
    return renderTemplate(`${here}/nftables-aws.conf`, {
      networks,
      inside: linesOf(inside, "# no flow leads here from the stack's networks"),
      outside: linesOf(outside, "# no flow leads here from outside"),
    });
  }
  const rules = linesOf(privateRules(topology, machine), "# no flow leads here over the private network");
  return renderTemplate(`${here}/nftables.conf`, { networks, rules });
}

function linesOf(rules: readonly PrivateRule[], none: string): string {
  const lines = rules.map(({ protocol, port, sources }) => {
    const from = `ip saddr { ${sources.join(", ")} }`;
    return port === undefined
      ? `${from} meta l4proto ${ipProtocols[protocol] ?? protocol} accept`
      : `${from} ${protocol} dport ${port} accept`;
  });
  return lines.length === 0 ? none : lines.join("\n    ");
}

function isOnAws({ regions }: Topology, { region }: Machine): boolean {
  return regions.some(({ name, provider }) => name === region && provider === "aws");
}
