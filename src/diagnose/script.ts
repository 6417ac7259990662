import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../project.js";

const folder = join(projectRoot, "src/diagnose/collect");

/** What is looked at between the two samples, in this order. */
const collectors = ["system", "services", "database", "latency", "journal", "backup", "updates"];

const endOfCollector = "END-OF-COLLECTOR";

/**
 * The one script that a machine is sent: every collector of ./collect, each with a limit of its own, framed by two
 * samples at least a second apart. It only reads. Its output is what ./report.ts reads.
 * @param minutes how far back the journals are read
 */
export function collectionScript(minutes: number): string {
  const run = (name: string, as = name) => [
    `echo '@@ ${as}'`,
    `timeout 5 sh <<'${endOfCollector}' 2>/dev/null || printf "failed_collector\t%s\n" "$?"`,
    readFileSync(join(folder, `${name}.sh`), "utf8"),
    endOfCollector,
  ];
  return [
    "export LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    `export SINCE=${Math.round(minutes * 60)}`,
    // A machine without a free processor is asked just then.
    "renice -n -10 -p $$ >/dev/null 2>&1",
    ...run("sample", "before"),
    "began=$(date +%s%N)",
    ...collectors.flatMap((name) => run(name)),
    'left=$((1000 - ($(date +%s%N) - began) / 1000000)); [ "$left" -le 0 ] || sleep "$(printf 0.%03d "$left")"',
    ...run("sample", "after"),
    "echo '@@ end'",
    "",
  ].join("\n");
}
