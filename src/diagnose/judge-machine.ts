import { X509Certificate } from "node:crypto";
import { type Circumstances, type Found, mebibytes, percent } from "./finding.js";
import type { MachineCertificate, MachineReport } from "./report.js";

/** Disks, memory, clock, certificate, updates: what the machine itself lacks. */
export function judgeMachine(report: MachineReport, { clockOffsetSeconds, now }: Circumstances): Found[] {
  return [
    ...disks(report),
    ...memory(report),
    ...files(report),
    ...clock(clockOffsetSeconds),
    ...report.certificates.flatMap((each) => certificate(each, now)),
    ...upkeep(report),
  ];
}

function disks({ disks: all }: MachineReport): Found[] {
  return all.flatMap(({ path, totalKiB, freeKiB, inodes, inodesFree }): Found[] => {
    const free = totalKiB === 0 ? 1 : freeKiB / totalKiB;
    const nodes = inodes === 0 ? 1 : inodesFree / inodes;
    const full = free < 0.03 || nodes < 0.02;
    if (!full && free >= 0.12 && nodes >= 0.1) return [];
    const what = nodes < free && nodes < 0.1 ? "inodes (files)" : "space";
    return [
      {
        severity: full ? "critical" : "warning",
        code: "disk-full",
        what: `The file system ${path} ${full ? "has no" : "has little"} ${what} left.`,
        evidence: [
          `${mebibytes(freeKiB)} of ${mebibytes(totalKiB)} free (${percent(free)})`,
          `${inodesFree} of ${inodes} inodes free (${percent(nodes)})`,
        ],
        remedy: [
          "Find what grew: `./dukaan ssh -- du -xh --max-depth=3 / | sort -h | tail -20`.",
          "Free some at once: `./dukaan ssh -- journalctl --vacuum-size=64M` and `./dukaan ssh -- apt-get clean`. Never delete below /var/lib/postgresql by hand.",
          "If the data itself has grown: a larger `dukaan:serverType`, then `./dukaan up`.",
        ],
      },
    ];
  });
}

function memory({ memory: m, oomKills, oomLines, killed, processes }: MachineReport): Found[] {
  const available = m.totalKiB === 0 ? 1 : m.availableKiB / m.totalKiB;
  const largest = processes
    .toSorted((a, b) => b.rssKiB - a.rssKiB)
    .slice(0, 4)
    .map(({ name, pid, unit, rssKiB }) => `${name} (${pid}${unit ? `, ${unit}` : ""}) ${mebibytes(rssKiB)}`);
  const numbers = [
    `${mebibytes(m.availableKiB)} of ${mebibytes(m.totalKiB)} available (${percent(available)}), swap ${mebibytes(m.swapTotalKiB - m.swapFreeKiB)} of ${mebibytes(m.swapTotalKiB)} used`,
    `largest: ${largest.join(", ")}`,
  ];
  const remedy = [
    "The largest process above is what to look at. Not part of the shop: stop it (`./dukaan ssh -- systemctl stop <unit>`, or kill it).",
    "The app itself: `./dukaan ssh -- systemctl restart 'dukaan-api@*'` gives its memory back; a leak comes again, so `./dukaan rollback`.",
    "All of it is needed: a larger `dukaan:serverType`, then `./dukaan up`; or move the database to its own server (`./dukaan evolve split`).",
  ];
  const total = oomKills.reduce((sum, { count }) => sum + count, 0);
  const kills = [...oomLines, ...killed];
  if (kills.length > 0) {
    return [
      {
        severity: "critical",
        code: "out-of-memory",
        // A container does not see the kernel's lines; a SIGKILL that nobody sent is one.
        what: `Processes were killed${oomLines.length > 0 || total > 0 ? "" : ", in all likelihood"} for want of memory.`,
        evidence: [...kills.slice(-3), ...numbers],
        remedy,
      },
    ];
  }
  const earlier: Found[] =
    total === 0
      ? []
      : [
          {
            severity: "warning",
            code: "out-of-memory-earlier",
            what: "Processes have been killed for want of memory since their service was started.",
            evidence: oomKills.map(({ group, count }) => `${group}: ${count}`),
            remedy: [
              "See when: `./dukaan ssh -- journalctl --grep 'status=9/KILL|oom-kill|Out of memory'`.",
              ...remedy,
            ],
          },
        ];
  if (available >= 0.15) return earlier;
  return [
    {
      severity: available < 0.07 ? "critical" : "warning",
      code: "memory-low",
      what: "Memory is nearly used up.",
      evidence: numbers,
      remedy,
    },
    ...earlier,
  ];
}

function files({ files: { used, limit } }: MachineReport): Found[] {
  if (limit === 0 || used < limit * 0.9) return [];
  return [
    {
      severity: "critical",
      code: "files-exhausted",
      what: "The machine has nearly as many open files as it may.",
      evidence: [`${used} of ${limit}`],
      remedy: [
        "Find who has them: `./dukaan ssh -- 'lsof -n | cut -d \" \" -f 1 | sort | uniq -c | sort -n | tail'`.",
      ],
    },
  ];
}

function clock(offset: number): Found[] {
  if (Math.abs(offset) < 5) return [];
  return [
    {
      severity: Math.abs(offset) > 60 ? "critical" : "warning",
      code: "clock-wrong",
      what: "The machine's clock differs from this computer's.",
      evidence: [`by ${offset.toFixed(1)} s`],
      remedy: [
        "Make sure that this computer's own clock is right.",
        "`./dukaan ssh -- systemctl restart systemd-timesyncd`, then `./dukaan ssh -- timedatectl`.",
      ],
    },
  ];
}

const day = 86_400;

function certificate({ file, pem, by }: MachineCertificate, now: number): Found[] {
  const why = "`./dukaan ssh -- journalctl --unit dukaan-certificate --lines 50` says why no new one comes.";
  if (by === "stand-in") {
    return [
      {
        severity: "warning",
        code: "certificate-unknown",
        what: "The public sees a certificate that browsers do not know: the ACME authority has not signed one yet.",
        evidence: ["it is the stack's own authority's, which stands in"],
        remedy: [why, "The name has to lead to this machine, and port 80 has to be open to the world."],
      },
    ];
  }
  let left: number;
  let lifetime: number;
  try {
    const { validFrom, validTo } = new X509Certificate(pem);
    left = Date.parse(validTo) / 1000 - now;
    lifetime = (Date.parse(validTo) - Date.parse(validFrom)) / 1000;
  } catch {
    return [];
  }
  // One that lives for days is renewed within days: for it a share of its time counts. All are due with a third left; an
  // ACME authority's are renewed then by themselves, the others only when somebody runs `up`.
  const late = by === "acme" ? Math.min(14 * day, lifetime / 4) : Math.min(60 * day, lifetime / 6);
  if (left >= late) return [];
  return [
    {
      severity: left < Math.min(3 * day, lifetime / 10) ? "critical" : "warning",
      code: "certificate-expires",
      what: left < 0 ? "A certificate has expired." : "A certificate expires soon.",
      evidence: [`${file}: ${(left / day).toFixed(1)} days left`],
      remedy: by === "acme" ? [why] : ["`./dukaan up` renews it."],
    },
  ];
}

function upkeep({ rebootRequired, pendingUpdates, failed }: MachineReport): Found[] {
  const found: Found[] = [];
  if (rebootRequired) {
    found.push({
      severity: "notice",
      code: "reboot-required",
      what: "Installed updates take effect with a restart of the machine.",
      evidence: ["/run/reboot-required is there"],
      remedy: ["At a quiet hour: `./dukaan ssh -- systemctl reboot`. The shop is away for about 20 s."],
    });
  }
  if (pendingUpdates.count > 0) {
    found.push({
      severity: "notice",
      code: "updates-pending",
      what: "Security updates are not installed yet.",
      evidence: [`${pendingUpdates.count}: ${pendingUpdates.names}`],
      remedy: ["They are installed daily. To do it now: `./dukaan ssh -- unattended-upgrade`."],
    });
  }
  // The list of updates alone may be slow on a busy machine, and nobody is woken for it.
  const silent = failed.filter((name) => name !== "updates");
  if (silent.length > 0) {
    found.push({
      severity: "warning",
      code: "not-looked-at",
      what: "Some of the machine could not be looked at in time.",
      evidence: silent,
      remedy: ["Cure what is above and run `./dukaan diagnose` again."],
    });
  }
  return found;
}
