import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { type Load, startLoad } from "../../src/load/load.js";
import type { Report } from "../../src/load/report.js";
import { faultless, requireAllOrders } from "./faultless.js";
import { createLab, type Lab } from "./lab.js";

export interface Outputs {
  stage: string;
  services: Record<string, string[]>;
  addresses: Record<string, { ipv4: string; private: string }>;
}

/** A lab whose shop is filled, and whose database moves between its machines. */
export class MovingLab {
  /** Journals of this test. */
  readonly folder: string;
  readonly lab: Lab;
  url = "";
  private ca = "";
  caFile = "";
  private readonly addresses = new Map<string, string>();
  private sshFiles: string[] = [];

  /** @param settings in place of the checkout's */
  static async create(name: string, settings: Record<string, unknown> = {}): Promise<MovingLab> {
    const made = new MovingLab(await createLab(name), await mkdtemp(join(tmpdir(), `dukaan-${name}-`)));
    await made.lab.set(settings);
    const up = JSON.parse(await made.succeeds("up", "--json")) as { url: string; ca: string };
    made.url = up.url;
    made.caFile = up.ca;
    made.ca = await readFile(up.ca, "utf8");
    await made.succeeds("seed", "--stores", "20", "--products", "50");
    return made;
  }

  private constructor(lab: Lab, folder: string) {
    this.lab = lab;
    this.folder = folder;
  }

  async remove(): Promise<void> {
    await this.lab.remove();
    await rm(this.folder, { recursive: true, force: true });
  }

  async outputs(): Promise<Outputs> {
    return JSON.parse(await this.succeeds("outputs", "--json")) as Outputs;
  }

  async succeeds(...args: string[]): Promise<string> {
    const result = await this.lab.dukaan(...args);
    assert.equal(result.exitCode, 0, result.stderr);
    return result.stdout;
  }

  /** Runs a command; does something as soon as it says these words; waits for its end. */
  async runUntil(
    words: string,
    then: (pid: number) => unknown,
    ...args: string[]
  ): Promise<{ exitCode: number | null; stderr: string }> {
    const running = this.lab.start(...args);
    let stderr = "";
    const ended = new Promise<number | null>((resolve) => running.once("exit", resolve));
    const said = new Promise<void>((resolve) => {
      running.stderr.setEncoding("utf8").on("data", (part: string) => {
        stderr += part;
        if (stderr.includes(words)) resolve();
      });
      void ended.then(() => resolve());
    });
    await said;
    assert.ok(stderr.includes(words), `it never said "${words}":\n${stderr}`);
    await then(running.pid!);
    return { exitCode: await ended, stderr };
  }

  /** Runs a command and ends it with everything it started as soon as it says these words. */
  async killedAt(words: string, ...args: string[]): Promise<void> {
    await this.runUntil(words, (pid) => process.kill(-pid, "SIGKILL"), ...args);
  }

  /** Kills a move when it begins to switch; however late that comes, the old database on this machine has not ended. */
  async killedAtSwitch(machine: string, ...args: string[]): Promise<void> {
    await this.occupy(machine);
    await this.killedAt("holding queries back", ...args);
    await this.free(machine);
  }

  /** Lets the steps that change a machine's database wait, as if another run's were at work. */
  async occupy(machine: string): Promise<void> {
    await this.findCloud();
    await this.onMachine(machine, "systemd-run -q --unit=occupied flock /run/dukaan-database.lock sleep 300");
  }

  /** Ends that, and before it the step of a killed run that waits to end the database. */
  async free(machine: string): Promise<void> {
    await this.onMachine(machine, "pkill -f '[d]atabase fence'; systemctl stop occupied");
  }

  /** What a machine's database is; undefined where nobody answers. */
  async stateOf(machine: string): Promise<string | undefined> {
    const status = await this.onMachine(machine, "/usr/local/lib/dukaan/database status");
    return status === "" ? undefined : (JSON.parse(status) as { state: string }).state;
  }

  async visit(path: string): Promise<number> {
    const options = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "5"];
    const { stdout } = await execa("curl", [...options, "--cacert", this.caFile, `${this.url}${path}`], {
      reject: false,
    });
    return Number(stdout);
  }

  startLoad(journal: string, rate: number): Promise<Load> {
    return startLoad({ url: this.url, ca: this.ca, rate, journal });
  }

  /** Does something under load; fails when a request did, or when an order is not as it should be. */
  async underLoad(name: string, rate: number, work: () => Promise<unknown>): Promise<Report> {
    const load = { url: this.url, ca: this.ca, rate, journal: join(this.folder, `${name}.jsonl`) };
    return faultless(load, (sql) => this.database(sql), work);
  }

  /** Every order that was acknowledged is there once, and nothing else is. */
  async requireAllOrders(journal: string, report: Report): Promise<void> {
    await requireAllOrders(journal, report, (sql) => this.database(sql));
  }

  /** Asks the database, wherever it is. */
  async database(sql: string): Promise<string> {
    const machine = (await this.stateOf("app-1")) === "primary" ? "app-1" : "database-1";
    return this.onMachine(
      machine,
      `cd /; runuser -u postgres -- psql -qAtX shop -c "${sql.replaceAll('"', '\\"')}"`,
    );
  }

  /** Whether a machine has been asked before, or the stack's outputs have been read since it is there. */
  knows(machine: string): boolean {
    return this.addresses.has(machine);
  }

  /** What a script prints there; empty when nobody answers. Without `./dukaan`, which asks Pulumi first: it is called often. */
  async onMachine(machine: string, script: string): Promise<string> {
    if (!this.addresses.has(machine)) await this.learnAddresses();
    // One whose power is cut in the middle of an answer would be waited for until the end of all tests.
    // A machine that is busy is no machine that is off: it has some seconds.
    const patience = ["ConnectTimeout=10", "ServerAliveInterval=5", "ServerAliveCountMax=4"];
    const { stdout } = await execa(
      "ssh",
      [
        ...this.sshFiles,
        ...patience.flatMap((option) => ["-o", option]),
        `root@${this.addresses.get(machine)}`,
        script,
      ],
      { reject: false, stdin: "ignore" },
    );
    return stdout.trim();
  }

  private async serverId(machine: string): Promise<number> {
    const path = `/servers?name=lab-${machine}`;
    const { servers } = await this.lab.cloud<{ servers: { id: number }[] }>("GET", path);
    assert.ok(servers[0], `the cloud has no server lab-${machine}`);
    return servers[0].id;
  }

  /** The cloud's address is looked up at the first question, which takes seconds: not when something must not be late. */
  async findCloud(): Promise<void> {
    await this.lab.cloud("GET", "/servers");
  }

  async powerOff(machine: string): Promise<void> {
    await this.lab.cloud("POST", `/servers/${await this.serverId(machine)}/actions/poweroff`);
  }

  /** Its disk goes with it, its volume does not. */
  async deleteServer(machine: string): Promise<void> {
    await this.lab.cloud("DELETE", `/servers/${await this.serverId(machine)}`);
  }

  /** New machines, and what a machine that was made anew shows. */
  async learnAddresses(): Promise<void> {
    const { addresses } = await this.outputs();
    for (const [name, { ipv4 }] of Object.entries(addresses)) this.addresses.set(name, ipv4);
    await this.lab.dukaan("ssh", "app-1", "--", "true");
    const files = join(this.lab.stateFolder, "ssh");
    this.sshFiles = ["-i", join(files, "key"), "-o", `UserKnownHostsFile=${join(files, "known_hosts")}`];
  }
}

export function figures({ requests, failed, latency: { p50, p99, max }, orders }: Report): string {
  return `${failed} of ${requests} requests failed, p50 ${p50} ms, p99 ${p99} ms, max ${max} ms, ${orders.placed} orders`;
}

export function note(text: string): void {
  process.stderr.write(`  ${text}\n`);
}
