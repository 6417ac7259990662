import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildSync } from "esbuild";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cacheDirectory, projectRoot } from "../../toolchain/cache.js";
import { rmSync } from "node:fs";
import type { GoBuild } from "../../toolchain/tools.js";
import { temporaryFolder, writeFiles } from "./files.js";

// What runs in other processes is compiled for them, next to the rest of the compiled code so that it finds the packages.
const folder = join(projectRoot, "dist", `test-${process.pid}`);
const worker = join(folder, "worker.mjs");

beforeAll(() => {
  buildSync({
    stdin: {
      contents: `
        import { prepareTool, withToolsLock } from "./prepare.js";
        const tool = JSON.parse(process.argv[2]);
        const report = (message) => console.error(message);
        console.log(await withToolsLock(report, () => prepareTool(tool, report)));
      `,
      resolveDir: join(projectRoot, "toolchain"),
    },
    outfile: worker,
    bundle: true,
    packages: "external",
    format: "esm",
    platform: "node",
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A small tool in Go whose generator notes that it has started and goes on when a file is there. */
class Example {
  readonly root = temporaryFolder();
  readonly started = join(this.root, "started");
  readonly tool = {
    title: "example",
    name: "example",
    version: "1.2.3",
    executable: "example",
    usually: "seconds",
    build: {
      module: join(this.root, "module"),
      package: "./cmd/example",
      generator: { package: "./cmd/generator", args: [this.root] },
      variables: { "main.version": "1.2.3" },
    },
  };

  constructor() {
    // Compiled packages of the standard library are taken from the real cache.
    mkdirSync(join(this.root, "cache"));
    symlinkSync(join(cacheDirectory(), "go"), join(this.root, "cache", "go"));
    writeFiles(this.tool.build.module, {
      "go.mod": "module example\n\ngo 1.24\n",
      "cmd/example/main.go": `package main
import _ "embed"
//go:embed generated.txt
var text string
var version string
func main() { print(text + " " + version) }
`,
      "cmd/generator/main.go": `package main
import ("os"; "time")
func main() {
  started, _ := os.OpenFile(os.Args[1]+"/started", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
  started.WriteString("x")
  for i := 0; i < 300; i++ {
    if _, err := os.Stat(os.Args[1] + "/go"); err == nil { break }
    time.Sleep(100 * time.Millisecond)
  }
  if err := os.WriteFile("cmd/example/generated.txt", []byte("generated"), 0o644); err != nil { panic(err) }
}
`,
    });
  }

  /** Builds it in another process. */
  build(more: Partial<GoBuild> = {}) {
    const tool = { ...this.tool, build: { ...this.tool.build, ...more } };
    return execa(process.execPath, [worker, JSON.stringify(tool)], {
      env: { DUKAAN_CACHE: join(this.root, "cache"), DUKAAN_OFFLINE: "1" },
      reject: false,
    });
  }

  letGo(): void {
    writeFileSync(join(this.root, "go"), "");
  }

  /** How often the generator has started. */
  get starts(): number {
    return existsSync(this.started) ? readFileSync(this.started, "utf8").length : 0;
  }

  /** What is in the folder of tools, but for Go itself: it comes there where this computer has none. */
  get kept(): string[] {
    const names = readdirSync(join(this.root, "cache", "toolchain"));
    return names.filter((name) => !name.startsWith("go-")).sort();
  }
}

test("two builds at once make one result, from a generator, modules and linker variables", async () => {
  const example = new Example();
  example.letGo();
  const [a, b] = await Promise.all([example.build(), example.build()]);
  expect(a.stdout).toBe(b.stdout);
  expect(example.starts).toBe(1);
  expect(`${a.stderr}\n${b.stderr}`).toContain("Waiting for another run of Dukaan");
  expect(`${a.stderr}\n${b.stderr}`).toContain(
    "Building the example 1.2.3 (usually seconds on two cores, once)",
  );
  expect((await execa(a.stdout)).stderr).toBe("generated 1.2.3");
});

test("a build that was killed leaves no half result, and the next one starts again", async () => {
  const example = new Example();
  const killed = example.build();
  while (example.starts === 0) await sleep(50);
  expect(example.kept.filter((name) => name.startsWith("example-"))).toEqual([]);
  killed.kill("SIGKILL");
  await killed;
  expect(example.kept.filter((name) => name.startsWith(".unfinished-"))).not.toEqual([]);

  example.letGo();
  const { stdout } = await example.build();
  expect((await execa(stdout)).stderr).toBe("generated 1.2.3");
  expect(example.kept).toEqual([expect.stringMatching(/^example-1\.2\.3-[0-9a-f]{12}$/), "lock", "logs"]);
});

test("a build that fails says what the compiler said and where the rest is", async () => {
  const example = new Example();
  example.letGo();
  writeFiles(example.tool.build.module, {
    "cmd/example/main.go": "package main\nfunc main() { missing() }\n",
  });
  const { stderr, exitCode } = await example.build();
  expect(exitCode).not.toBe(0);
  expect(stderr).toContain("The build of the example 1.2.3 failed");
  expect(stderr).toContain("undefined: missing");
  expect(stderr).toContain(join(example.root, "cache", "toolchain", "logs", "example.log"));
  expect(example.kept).toEqual(["lock", "logs"]);
});

test("a build for which the memory does not suffice is refused before it begins", async () => {
  const example = new Example();
  const { stderr, exitCode } = await example.build({ memoryGiB: 1_000_000 });
  expect(exitCode).not.toBe(0);
  expect(stderr).toMatch(
    /The build of the example 1\.2\.3 takes 1000000 GB of memory, and [\d.]+ GB are free/,
  );
  expect(example.starts).toBe(0);
  expect(example.kept).toEqual(["lock"]);
});

test("files of a pinned module can be replaced, and only they", async () => {
  const example = new Example();
  example.letGo();
  const sums = readFileSync(join(projectRoot, "toolchain/go/hcloud/go.sum"), "utf8").split("\n");
  const { module } = example.tool.build;
  writeFiles(module, {
    "go.mod": "module example\n\ngo 1.24\n\nrequire github.com/mitchellh/go-homedir v1.1.0\n",
    "go.sum": `${sums.filter((line) => line.startsWith("github.com/mitchellh/go-homedir v1.1.0")).join("\n")}\n`,
    "cmd/example/main.go": `package main
import "github.com/mitchellh/go-homedir"
func main() { home, _ := homedir.Dir(); print(home) }
`,
    "overlay/homedir.go": `package homedir
func Dir() (string, error) { return "patched", nil }
`,
  });
  const patch = { module: "github.com/mitchellh/go-homedir", files: "overlay" };
  const { stdout } = await example.build({ patch });
  expect((await execa(stdout)).stderr).toBe("patched");
  // Go's own copy, which other builds use, is as it was.
  const original = join(cacheDirectory(), "go/mod/github.com/mitchellh/go-homedir@v1.1.0/homedir.go");
  expect(readFileSync(original, "utf8")).not.toContain("patched");
});

test("another source is another result, the same source in another folder is not", async () => {
  const { toolDirectory } = await import("../../toolchain/tools.js");
  const [a, b] = [new Example().tool, new Example().tool];
  b.build.generator.args = a.build.generator.args;
  expect(toolDirectory(a)).toBe(toolDirectory(b));
  writeFiles(b.build.module, { "cmd/example/more.go": "package main" });
  expect(toolDirectory(a)).not.toBe(toolDirectory(b));
});
