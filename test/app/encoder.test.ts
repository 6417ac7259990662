import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import sharp from "sharp";
import { extract } from "tar";
import { describe, expect, test } from "vitest";
import { Encoder } from "../../apps/api/images/encoder.js";
import { bundleApi } from "../../apps/bundle.js";
import { projectRoot } from "../../src/project.js";
import { ensureImageLibrary } from "../../toolchain/index.js";
import { halves } from "./pictures.js";

/** The child that re-encodes, once it has told the kernel that it is the first to go. */
async function childThatIsFirstToGo(): Promise<number> {
  for (;;) {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
        if (parent === String(process.pid) && readFileSync(`/proc/${pid}/oom_score_adj`, "utf8") === "1000\n")
          return Number(pid);
      } catch {
        // It has ended meanwhile.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Memory that is a process's own, in MiB. */
function anonymousMiB(pid: number): number {
  try {
    return Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

describe("re-encoding", () => {
  test.each([
    ["the kernel, being the first when memory is short", "SIGKILL"],
    ["itself, when its own heap is full", "SIGABRT"],
  ] as const)("is killed by %s, and then only that picture fails", async (_who, signal) => {
    const encoder = new Encoder();
    const picture = await halves(3000, 3000);
    const [outcome] = await Promise.allSettled([
      encoder.encode(picture),
      childThatIsFirstToGo().then((pid) => process.kill(pid, signal)),
    ]);
    expect(outcome).toMatchObject({ status: "rejected", reason: { name: "PictureRefused" } });
    expect(outcome).toMatchObject({ reason: { message: expect.stringContaining("more memory or time") } });
    expect((await encoder.encode(await halves(400, 400))).widths).toEqual([320, 400]);
  });

  test("takes less than 120 MB for the largest pictures", async () => {
    const picture = await sharp({
      create: { width: 5700, height: 4300, channels: 3, background: "#777" },
    })
      .jpeg({ quality: 60 })
      .withMetadata({ orientation: 6 })
      .toBuffer();
    const encoding = new Encoder().encode(picture);
    const pid = await childThatIsFirstToGo();
    let peak = 0;
    const watch = setInterval(() => (peak = Math.max(peak, anonymousMiB(pid))), 5);
    expect((await encoding).widths).toEqual([320, 640, 1280]);
    clearInterval(watch);
    expect(peak).toBeGreaterThan(20);
    expect(peak).toBeLessThan(120);
  });
});

test("runs as it is shipped: the bundle, the image library for servers beside it, an empty environment", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dukaan-encoder-"));
  try {
    await bundleApi(projectRoot, folder);
    const { archive } = await ensureImageLibrary();
    await extract({ file: archive, cwd: folder });
    symlinkSync(join(folder, "node_modules"), join(folder, "api/node_modules"));
    const program = join(folder, "api/reencode.mjs");
    const child = spawn(process.execPath, [program], {
      env: {},
      cwd: "/",
      stdio: ["pipe", "pipe", "inherit"],
    });
    child.stdin.end(await halves(400, 200));
    expect((await buffer(child.stdout)).toString("latin1")).toContain('{"width":400,"height":200,"files":[');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
