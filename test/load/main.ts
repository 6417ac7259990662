// Load on a stack that is up. After a build:
//   node dist/test/load/main.js run --stack lab --rate 50 --seconds 60 --out /tmp/load
//   node dist/test/load/main.js verify --stack lab --out /tmp/load
// `run` writes journal.jsonl, report.json and report.html into a new folder; `verify` holds the journal against the
// database. Exit code 0: as it should be; 1: requests failed, or orders are not as the journal says; 2: usage.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { startLoad } from "../../src/load/load.js";
import { reportPage } from "../../src/load/html.js";
import type { Report } from "../../src/load/report.js";
import { openTarget } from "./stack.js";
import { verify } from "../../src/load/verify.js";

const USAGE = `Usage: main.js run|verify [--stack lab] --out FOLDER
  run: [--rate 50] [--seconds 60] [--seed 1] [--even]   visits a second, how long; in even steps instead of at random`;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    stack: { type: "string", default: "lab" },
    out: { type: "string" },
    rate: { type: "string", default: "50" },
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: "1" },
    even: { type: "boolean", default: false },
  },
});
const [command] = positionals;
const { out, stack } = values;
const [rate, seconds, seed] = [Number(values.rate), Number(values.seconds), Number(values.seed)];

if (out === undefined || !(rate > 0) || !(seconds > 0) || !Number.isInteger(seed)) usage();
else if (command === "run") await run(out);
else if (command === "verify") await check(out);
else usage();

function usage(): void {
  console.error(USAGE);
  process.exitCode = 2;
}

async function run(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const { url, ca } = await openTarget({ stack });
  const load = await startLoad({
    url,
    rate,
    seed,
    distribution: values.even ? "even" : "poisson",
    journal: join(folder, "journal.jsonl"),
    ...(ca !== undefined && { ca }),
  });
  await Promise.race([sleep(seconds * 1000), once(process, "SIGINT")]);
  const report = await load.stop();
  await writeFile(join(folder, "report.json"), `${JSON.stringify(report, undefined, 2)}\n`);
  await writeFile(join(folder, "report.html"), reportPage(report));
  const { perSecond: _, distribution: __, ...told } = report;
  console.log(JSON.stringify(told, undefined, 2));
  process.exit(report.failed === 0 ? 0 : 1);
}

async function check(folder: string): Promise<void> {
  const { ask } = await openTarget({ stack });
  const verdict = await verify(join(folder, "journal.jsonl"), ask);
  const report = JSON.parse(await readFile(join(folder, "report.json"), "utf8")) as Report;
  await writeFile(join(folder, "report.html"), reportPage(report, verdict));
  console.log(JSON.stringify(verdict, undefined, 2));
  process.exitCode = verdict.ok ? 0 : 1;
}
