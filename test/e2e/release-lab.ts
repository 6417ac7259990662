import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { projectRoot } from "../../src/project.js";
import type { Report } from "../../src/load/report.js";
import { faultless, orderly } from "./faultless.js";
import { createLab, type Lab } from "./lab.js";

/** Visits a second; on a computer with nothing else to do DUKAAN_VISITS=200 is what the goals speak of. */
const RATE = Number(process.env["DUKAAN_VISITS"] ?? 50);

interface Up {
  url: string;
  ca: string;
  release: string;
  changes: Record<string, number>;
}

/** A lab whose shop is filled, for releases under load. */
export class ReleaseLab {
  /** Bundles and journals of this test. */
  readonly folder: string;
  /** What `./dukaan` and Pulumi work on. */
  readonly lab: Lab;
  url = "";
  private ca = "";
  /** Machine → "root@203.0.113.10". */
  private targets: Record<string, string> = {};
  private databaseMachine = "";

  /** Brings a stack up at a stage. @param settings of the stack, e.g. `{ "dukaan:appServers": 1 }` */
  static async create(
    name: string,
    stage = "droplet",
    settings: Record<string, unknown> = {},
  ): Promise<ReleaseLab> {
    const made = new ReleaseLab(await createLab(name), await mkdtemp(join(tmpdir(), "dukaan-releases-")));
    await made.lab.set(settings);
    const first = await made.up("--stage", stage);
    made.ca = await readFile(first.ca, "utf8");
    await made.locate();
    await made.lab.dukaan("seed", "--stores", "20", "--products", "50");
    return made;
  }

  private constructor(lab: Lab, folder: string) {
    this.lab = lab;
    this.folder = folder;
  }

  /** Looks where the shop and its machines are, after they have changed. */
  async locate(): Promise<void> {
    const { stdout } = await this.lab.dukaan("outputs", "--json");
    const outputs = JSON.parse(stdout) as {
      url: string;
      ssh: Record<string, string>;
      services: Record<string, string[]>;
    };
    this.url = outputs.url;
    this.targets = outputs.ssh;
    this.databaseMachine = outputs.services["postgresql"]?.[0] ?? "";
  }

  /** Trusts the authority that the stack has now. */
  async trust(): Promise<void> {
    const { stdout } = await this.lab.pulumi("stack", "output", "caCertificate");
    this.ca = stdout;
  }

  async remove(): Promise<void> {
    delete process.env["DUKAAN_API_BUNDLE"];
    await this.lab.remove();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Makes a bundle like the one that is built, but for its server, and deploys it from now on. */
  async build(name: string, change: (source: string) => string): Promise<string> {
    const bundle = join(this.folder, name, "api");
    await mkdir(join(this.folder, name));
    await cp(join(projectRoot, "dist/bundles/api"), bundle, { recursive: true });
    const source = change(await readFile(join(bundle, "server.mjs"), "utf8"));
    await writeFile(join(bundle, "server.mjs"), source);
    const digest = createHash("sha256").update(name).update(source).digest("hex");
    await writeFile(`${bundle}.json`, JSON.stringify({ digest }));
    process.env["DUKAAN_API_BUNDLE"] = bundle;
    return bundle;
  }

  async up(...options: string[]): Promise<Up> {
    const result = await this.lab.dukaan("up", "--json", ...options);
    assert.equal(result.exitCode, 0, result.stderr);
    return JSON.parse(result.stdout) as Up;
  }

  /**
   * Does something under load; fails when a request did, or when an order is not as it should be.
   * @param options.busy this process does more than sending visitors, so its use of the processor says nothing of them
   */
  async underLoad(
    name: string,
    work: () => Promise<void>,
    options: { busy?: boolean } = {},
  ): Promise<Report> {
    const report = await faultless(this.load(name), (sql) => this.database(sql), work);
    assert.ok(report.rate.arrived > RATE * 0.8, `${report.rate.arrived} visits a second arrived`);
    assert.ok(
      options.busy || report.generator.cpu < 1 / 3,
      `the generator took ${report.generator.cpu} of a core`,
    );
    note(`${name}: ${figures(report)}`);
    return report;
  }

  /** Does something under load that may cost requests; fails when an order is not as it should be. */
  async underLoss(name: string, work: () => Promise<void>): Promise<Report> {
    const report = await orderly(this.load(name), (sql) => this.database(sql), work);
    note(`${name}: ${figures(report)}`);
    return report;
  }

  private load(name: string) {
    return { url: this.url, ca: this.ca, rate: RATE, journal: join(this.folder, `${name}.jsonl`) };
  }

  /** The status of an answer to a request of its own. @param origin e.g. "https://203.0.113.10" */
  async statusOf(origin: string, path = "/"): Promise<number> {
    return await new Promise((resolve, reject) => {
      const asking = request(`${origin}${path}`, { ca: this.ca, agent: false, timeout: 5000 }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      });
      asking.on("timeout", () => asking.destroy(new Error("no answer")));
      asking.on("error", reject);
      asking.end();
    });
  }

  /** The release that answers. */
  async served(): Promise<string> {
    const body = await new Promise<string>((resolve, reject) => {
      const asking = request(`${this.url}/readyz`, { ca: this.ca, agent: false }, (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (part: string) => (text += part));
        answer.on("end", () => resolve(text));
      });
      asking.on("error", reject);
      asking.end();
    });
    return (JSON.parse(body) as { release: string }).release;
  }

  /**
   * Runs a script on a machine, its standard input after it. Without `./dukaan`, which asks Pulumi first.
   * @param machine @default the database's
   */
  async onMachine(script: string, input = "", machine = this.databaseMachine): Promise<string> {
    const files = join(this.lab.stateFolder, "ssh");
    const options = ["-i", join(files, "key"), "-o", `UserKnownHostsFile=${join(files, "known_hosts")}`];
    const { stdout } = await execa("ssh", [...options, this.targets[machine]!, script], { input });
    return stdout;
  }

  async database(sql: string): Promise<string> {
    return (await this.onMachine("cd /; runuser -u postgres -- psql -qAtX shop", sql)).trim();
  }
}

export function note(text: string): void {
  process.stderr.write(`  ${text}\n`);
}

function figures({ requests, failed, latency: { p50, p99, max }, generator, orders }: Report): string {
  return `${failed} of ${requests} requests failed, p50 ${p50} ms, p99 ${p99} ms, max ${max} ms, ${orders.placed} orders, generator ${(generator.cpu * 100).toFixed(0)} % of a core`;
}
