import { type Found, percent } from "./finding.js";
import type { MachineReport, ProcessUse } from "./report.js";

/** nginx takes 1024 connections a worker; one that is served holds a second one, to the app. */
const connectionsAWorker = 1024;

/** Processors, disk speed and connections: what is asked for more than it can do. */
export function judgeLoad(report: MachineReport): Found[] {
  return [...processor(report), ...disk(report), ...flood(report)];
}

function processor({ cpu, load, cores, processes, app, requests }: MachineReport): Found[] {
  const found: Found[] = [];
  if (cpu.steal >= 0.15) {
    found.push({
      severity: cpu.steal >= 0.3 ? "critical" : "warning",
      code: "cpu-stolen",
      what: "The cloud's host gives this machine less processor time than it asks for.",
      evidence: [`${percent(cpu.steal)} stolen, ${percent(cpu.used)} used`],
      remedy: [
        "It may pass; if it does not within the hour, a power-off and power-on from the console often moves the server to another host.",
        "For good: a type with dedicated processors (`dukaan:serverType`, e.g. ccx13, on AWS m6i.large), then `./dukaan up`.",
      ],
    });
  }
  // Where the host shares its processors out, as for a container, a machine may get less than its own and be at its limit.
  const starved = cpu.used >= 0.3 && cpu.used + cpu.waiting >= 0.95;
  if (cpu.used + cpu.steal < 0.9 && !starved) return found;
  const users = byUnit(processes);
  const stranger = users.find((user) => !user.ours);
  const evidence = [
    `processor ${percent(cpu.used)} of ${cores} ${cores === 1 ? "core" : "cores"}, load ${load[0]}; as much work waited for it as ${percent(cpu.waiting)} of it could do`,
    ...users
      .slice(0, 5)
      .map(
        ({ unit, cores: used, largest }) =>
          `${unit}: ${percent(used)} of a core (${largest.name}, process ${largest.pid})`,
      ),
  ];
  if (stranger !== undefined && stranger.cores >= cpu.used * cores * 0.3) {
    found.push({
      severity: "critical",
      code: "cpu-hog",
      what: `Something that is not the shop takes the processor: ${stranger.largest.name} (process ${stranger.largest.pid}, ${stranger.unit}).`,
      evidence,
      remedy: [
        `Stop it: \`./dukaan ssh -- systemctl stop '${stranger.unit}'\`${stranger.unit.endsWith(".service") ? "" : `, or \`./dukaan ssh -- kill ${stranger.largest.pid}\``}.`,
        "Nobody knows it: find out how it came there before anything else.",
      ],
    });
    return found;
  }
  const rate = requests.seconds > 0 ? requests.count / requests.seconds : 0;
  const served = typeof app === "object" ? Math.max(rate, app.requestsPerSecond) : rate;
  found.push({
    severity: "critical",
    code: "cpu-saturated",
    what: "The processor is saturated by the shop's own work: app and database fight for it.",
    evidence: [...evidence, `${served.toFixed(0)} requests a second`],
    remedy: [
      "More processor, at the price of a restart of about a minute: a larger `dukaan:serverType` (e.g. cx33, on AWS t3.large), then `./dukaan up`.",
      "If database and app each take a good share: give the database its own server, `./dukaan evolve split`.",
      "If it is not buyers (one address, one path): block it in the cloud's firewall.",
    ],
  });
  return found;
}

/** Units of the shop and of Debian itself. What runs in a login session or a unit of another name is a stranger. */
const ours =
  /^(nginx|pgbouncer|postgresql@|dukaan-|ssh|systemd-|dbus|init\.scope|unattended-upgrades|apt-daily|cron|pgbackrest|chrony|user@)/;

function byUnit(processes: readonly ProcessUse[]) {
  const units = new Map<string, { unit: string; cores: number; largest: ProcessUse; ours: boolean }>();
  for (const process of processes) {
    if (process.cores <= 0) continue;
    const unit = process.unit || "kernel";
    const sum = units.get(unit);
    if (sum === undefined) {
      const known = process.unit === "" || ours.test(unit);
      units.set(unit, { unit, cores: process.cores, largest: process, ours: known });
    } else {
      sum.cores += process.cores;
      if (process.cores > sum.largest.cores) sum.largest = process;
    }
  }
  return [...units.values()].toSorted((a, b) => b.cores - a.cores);
}

function disk({ cpu, ioPressure, waitingForDisk }: MachineReport): Found[] {
  const pressure = ioPressure ?? 0;
  if (cpu.iowait < 0.25 && pressure < 0.4 && waitingForDisk < 3) return [];
  return [
    {
      severity: cpu.iowait >= 0.5 || pressure >= 0.7 ? "critical" : "warning",
      code: "disk-slow",
      what: "Processes wait for the disk.",
      evidence: [
        `${percent(cpu.iowait)} of the time waiting, pressure ${percent(pressure)}, ${waitingForDisk} processes waiting now`,
      ],
      remedy: [
        "See who writes: `./dukaan ssh -- pidstat -d 1 5` (package sysstat), and whether PostgreSQL spills or checkpoints: `./dukaan ssh -- journalctl --identifier postgresql --lines 30`.",
        "With little memory the database reads everything anew: a larger `dukaan:serverType`, then `./dukaan up`.",
        "App and database fight for one disk: `./dukaan evolve split`.",
      ],
    },
  ];
}

function flood({ web, nginx, nginxFull, cores }: MachineReport): Found[] {
  const most = connectionsAWorker * cores;
  const silent = nginx === "silent";
  const full = nginxFull > 0 && web.sockets >= most * 0.4;
  if (web.sockets < most * 0.6 && web.halfOpen < 500 && !full) return [];
  const onePeer = web.busiestPeerSockets > web.sockets * 0.5;
  return [
    {
      severity: web.sockets >= most * 0.85 || silent || full ? "critical" : "warning",
      code: "connection-flood",
      what: "nginx has nearly as many connections as it can hold.",
      evidence: [
        `${web.sockets} open of ${most}, ${web.halfOpen} half open${silent ? "; nginx does not answer even on the machine itself" : ""}`,
        ...(full ? ["nginx says that its worker_connections are not enough and drops idle ones"] : []),
        `${web.busiestPeerSockets} of them from ${web.busiestPeer || "nobody"}`,
      ],
      remedy: [
        onePeer
          ? `One address holds most: shut it out at once, \`./dukaan ssh -- "nft insert rule inet dukaan input ip saddr ${web.busiestPeer} tcp dport { 80, 443 } drop; ss -K dst ${web.busiestPeer}"\`, and for good in the cloud's firewall.`
          : "They come from many addresses: buyers, or an attack. A larger `dukaan:serverType` brings workers; an attack is the cloud's to filter.",
        "`./dukaan ssh -- systemctl reload nginx` lets go of the idle ones.",
      ],
    },
  ];
}
