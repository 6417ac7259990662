import { readFile, writeFile } from "node:fs/promises";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { atBest } from "../at-best.js";
import { createLab, type Lab } from "./lab.js";

// One stack whose every `up` is interrupted at another point, until one is let through. The steps build on one another.

let lab: Lab;

beforeAll(async () => {
  lab = await createLab("cut");
  // Disks that can be filled without harm to this computer.
  for (const [name, size] of Object.entries({ state: "16m", local: "4g" })) {
    await mkdir(join(lab.folder, name));
    await execa("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", join(lab.folder, name)]);
  }
});

afterAll(async () => {
  await lab?.dukaan("local", "down");
  for (const name of ["state", "local"]) {
    await execa("umount", [join(lab.folder, name)], { reject: false });
  }
  await lab?.remove();
});

describe("an `up` whose engine is killed", () => {
  it("after the network was made", async () => {
    const result = await upUntil(/created hcloud:Network fsn1/, killEngine);
    expect(result).toMatchObject({ exitCode: 1 });
    expect(result.stderr).toContain("was ended by SIGKILL");
    expect(await count("networks")).toBe(1);
  });

  it("goes on, and says what is wrong when this computer's disk is too full for a machine", async () => {
    const resize = (size: string) =>
      execa("mount", ["-o", `remount,size=${size}`, join(lab.folder, "local")]);
    await resize("100m");
    const result = await lab.dukaan("up", "--json");
    await resize("4g");
    expect(result).toMatchObject({ exitCode: 1 });
    expect(result.stderr).toContain("removed the lock of a run that was killed");
    expect(result.stderr).toMatch(/only \d+ MB are free where machines keep their disks/);
    expect(result.stderr).not.toContain("uniqueness_error");
  });

  it("between the server's creation and the note of it in the state", async () => {
    const result = await upUntil(
      async () => (await count("servers")) > 0,
      async (running) => {
        await killEngine(running);
      },
    );
    expect(result).toMatchObject({ exitCode: 1 });
    expect(await count("servers")).toBe(1);
    expect(await readState()).not.toContain(
      'hcloud:index/server:Server::app-1",\n            "custom": true,\n            "id"',
    );
  });

  it("adopts that server, and is killed during a role", async () => {
    const result = await upUntil(/creating dukaan:Role app-1-postgresql/, killEngine);
    expect(result.stderr).toMatch(/adopted server lab-app-1 \(\d+\), which an interrupted run had made/);
    expect(await count("servers")).toBe(1);
  });

  it("is killed during the upload of the release", async () => {
    const result = await upUntil(/creating dukaan:Release app-1-api/, async (running) => {
      await sleep(500);
      await killEngine(running);
    });
    expect(result.stderr).not.toMatch(/uniqueness_error|adopted/);
  });

  it("is killed at its end", async () => {
    let engine: number[] = [];
    const result = await upUntil(
      async (said, running) => {
        // It ends right after the moment: whom to kill is looked up before.
        if (engine.length === 0 && said.includes("creating dukaan:Release app-1-api"))
          engine = await engineOf(running);
        return said.includes("created dukaan:Release app-1-api");
      },
      async () => kill(engine),
    );
    expect(result.stderr).not.toContain("uniqueness_error");
  });

  it("in the end has one of everything, and nothing to change", async () => {
    const result = await lab.dukaan("up", "--json");
    expect(result, result.stderr).toMatchObject({ exitCode: 0 });
    await expectOneOfEverything();
    const again = await lab.dukaan("up", "--json");
    const { changes, mended } = JSON.parse(again.stdout) as { changes: object; mended: string[] };
    expect(Object.keys(changes)).toEqual(["same"]);
    expect(mended).toEqual([]);
  });
});

describe("a disk that is full", () => {
  it("of the machine: the role fails with the program's words; with space again it is applied", async () => {
    // And stays so, whoever frees some of it: logs are rotated, WAL goes when it is archived.
    const fill = await onMachine(
      `fallocate -l $(($(df --output=avail -B1 / | tail -1) - 65536)) /var/fill
      systemd-run --quiet --unit=fill sh -c "while :; do dd if=/dev/zero bs=4k >>/var/rest 2>/dev/null; sleep 0.05; done"`,
    );
    expect(fill, fill.stderr).toMatchObject({ exitCode: 0 });
    const changed = await withSetting('  dukaan:operatorKeys: ["' + operatorKey + '"]\n');
    expect(changed.exitCode).not.toBe(0);
    expect(changed.stdout + changed.stderr).toContain("No space left on device");
    expect(await onMachine("systemctl stop fill && rm -f /var/fill /var/rest")).toMatchObject({
      exitCode: 0,
    });
    const after = await lab.dukaan("up", "--json");
    expect(after, after.stderr).toMatchObject({ exitCode: 0 });
  });

  it("of the state: says so, harms nothing", async () => {
    const fill = join(lab.folder, "state", "fill");
    const before = await readState();
    await execa("dd", ["if=/dev/zero", `of=${fill}`, "bs=64k"], { reject: false });
    const result = await lab.dukaan("up", "--json");
    expect(result.exitCode).not.toBe(0);
    expect(result.stderr).toMatch(/no space left on device/i);
    expect(result.stderr).not.toContain("unexpected error");
    expect(await readState()).toBe(before);
    await execa("rm", [fill]);
    const after = await lab.dukaan("up", "--json");
    expect(after, after.stderr).toMatchObject({ exitCode: 0 });
  });
});

describe("a server that has to be made anew", () => {
  it("survives the local cloud's end while it is being made", async () => {
    const urn = (await readState()).match(/urn:[^"]*server:Server::app-1/)![0];
    const destroyed = await lab.pulumi(
      "destroy",
      "--yes",
      "--skip-preview",
      "--target",
      urn,
      "--target-dependents",
    );
    expect(destroyed, destroyed.stderr + destroyed.stdout).toMatchObject({ exitCode: 0 });
    // Asked before: a server is made sooner than a command has started.
    const { pid } = JSON.parse((await lab.dukaan("local", "status", "--json")).stdout) as { pid: number };
    const result = await upUntil(
      async () => (await count("servers")) > 0,
      async () => {
        process.kill(pid, "SIGKILL");
        return Promise.resolve();
      },
    );
    expect(result).toMatchObject({ exitCode: 1 });
  });

  it("Ctrl-C during a role ends the next run in seconds, and says how to go on", async () => {
    expect(await atBest(interruptedRole, (seconds) => seconds < 10)).toBeLessThan(10);
  });

  it("refuses a second run beside a first one, and the first one finishes", async () => {
    let second: Awaited<ReturnType<Lab["dukaan"]>> | undefined;
    const first = await upUntil(/creating dukaan:Role/, async () => {
      second = await lab.dukaan("up");
    });
    expect(second).toMatchObject({ exitCode: 3 });
    expect(second?.stderr).toMatch(/another run works on stack "lab": process \d+/);
    expect(first, first.stderr).toMatchObject({ exitCode: 0 });
    await expectOneOfEverything();
  });
});

/** An `up` that gets Ctrl-C during a role. @returns after how many seconds it has ended */
async function interruptedRole(): Promise<number> {
  let interrupted = 0;
  const result = await upUntil(/creating dukaan:Role app-1-postgresql/, async (running) => {
    interrupted = performance.now();
    process.kill(-running.pid!, "SIGINT");
    return Promise.resolve();
  });
  const seconds = (performance.now() - interrupted) / 1000;
  expect(result).toMatchObject({ exitCode: 130 });
  expect(result.stderr).toContain("Run the same command again: it goes on from there.");
  return seconds;
}

const operatorKey =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA7xqFhF9Al3P41w54pTVUDQ1Jtk9mtcnK7IH5mFilyl ada@laptop";

type Running = ReturnType<Lab["start"]>;

/** Runs `up`; does something once its output matches or a condition holds; waits for its end. */
async function upUntil(
  moment: RegExp | ((said: string, running: Running) => Promise<boolean>),
  then: (running: Running) => Promise<void>,
): Promise<{ exitCode: number | null; stderr: string }> {
  const running = lab.start("up", "--json");
  let stderr = "";
  running.stderr.on("data", (part: Buffer) => (stderr += part.toString()));
  const end = new Promise<number | null>((resolve) => running.once("exit", resolve));
  const reached = async () =>
    moment instanceof RegExp ? moment.test(stderr) : await moment(stderr, running);
  while (running.exitCode === null && !(await reached())) await sleep(10);
  expect(
    running.exitCode,
    `ended before the moment came:
${stderr}`,
  ).toBeNull();
  await then(running);
  return { exitCode: await end, stderr };
}

/** The engine is the child of the command line; its plugins and its program are left to themselves. */
async function killEngine(running: Running): Promise<void> {
  kill(await engineOf(running));
}

async function engineOf(running: Running): Promise<number[]> {
  const { stdout } = await execa("pgrep", ["--parent", String(running.pid), "--exact", "pulumi"]);
  return stdout.split("\n").map(Number);
}

function kill(processes: number[]): void {
  for (const pid of processes) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      // It may have come to its end by itself just now.
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
    }
  }
}

async function count(kind: string): Promise<number> {
  const body = await lab.cloud<{ meta: { pagination: { total_entries: number } } }>("GET", `/${kind}`);
  return body.meta.pagination.total_entries;
}

async function expectOneOfEverything(): Promise<void> {
  const kinds = ["servers", "networks", "firewalls", "primary_ips", "ssh_keys"];
  expect(await Promise.all(kinds.map(count))).toEqual([1, 1, 1, 2, 1]);
  const preview = await lab.pulumi("preview", "--expect-no-changes", "--non-interactive");
  expect(preview, preview.stdout + preview.stderr).toMatchObject({ exitCode: 0 });
  expect(preview.stdout + preview.stderr).not.toContain("pending operation");
}

/** Plain `pulumi up` with one more setting; the next `./dukaan up` copies the settings anew. */
async function withSetting(line: string) {
  const config = join(lab.stateFolder, "project", "Pulumi.lab.yaml");
  const good = await readFile(config, "utf8");
  await writeFile(config, good.replace("config:\n", `config:\n${line}`));
  return lab.pulumi("up", "--yes", "--skip-preview", "--non-interactive");
}

function readState(): Promise<string> {
  return readFile(join(lab.stateFolder, "backend", ".pulumi", "stacks", "dukaan", "lab.json"), "utf8");
}

function onMachine(script: string) {
  return lab.dukaan("ssh", "--", "sh", "-c", `'${script}'`);
}
