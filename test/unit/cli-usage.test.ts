import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { projectRoot } from "../../src/project.js";

// The compiled command line, as `./dukaan` starts it.
const main = join(projectRoot, "dist/src/cli/main.js");
const cli = (...args: string[]) =>
  execa(process.execPath, [main, ...args], { cwd: projectRoot, reject: false, stdin: "ignore" });

describe("./dukaan", () => {
  it("lists its commands and ends with 0", async () => {
    const result = await cli("--help");
    expect(result.exitCode).toBe(0);
    for (const command of [
      "up",
      "down",
      "outputs",
      "seed",
      "login-code",
      "ssh",
      "env",
      "doctor",
      "test",
      "drill",
      "local",
    ]) {
      expect(result.stdout).toMatch(new RegExp(`^  ${command}\\b`, "m"));
    }
  });

  it.each([
    [["uq"], /unknown command 'uq'/],
    [["up", "--stagee", "droplet"], /unknown option '--stagee'/],
    [["up", "--stack", "nosuch"], /there is no stack "nosuch"/],
    [["up", "--release", "newest"], /'newest' is invalid.*latest/],
    [["down", "--stack", "nosuch"], /there is no stack "nosuch"/],
    [["seed", "--stores", "-3"], /--stores is "-3"/],
    [["seed", "--products", "many"], /--products is "many"/],
    [["test", "--only", "unit,e3e"], /--only names e3e/],
    [["drill", "app-loss", "--only", "frozen,burnt"], /--only names "burnt"\n.*killed, frozen/],
    [["drill", "app-loss", "--rate", "0"], /--rate is "0"\n.*from 1 to 2000/],
    [["drill", "app-loss", "--seconds", "x"], /--seconds is "x"/],
    [["drill", "shop-loss"], /unknown command 'shop-loss'/],
    [["plan", "--stack", "nosuch"], /there is no stack "nosuch"/],
    [["diagram", "--stack", "nosuch", "--stage", "kafka"], /there is no stack "nosuch"/],
    [["diagram", "--format", "png"], /'png' is invalid.*svg, mermaid, json/],
    [["cost", "--stack", "nosuch"], /Pulumi\.nosuch\.yaml cannot be read/],
    [["cost", "--stage", "shed"], /Allowed choices are droplet, split/],
    [["cost", "--eurusd", "x"], /--eurusd is "x"/],
    [["cost", "--bom", "/nosuch.yaml"], /\/nosuch\.yaml cannot be read/],
    [["cost", "--prices", "package.json"], /package\.json: .*asOf/],
  ])("%j is a usage error that says what is wrong", async (args, message) => {
    const result = await cli(...args);
    expect(result.stderr).toMatch(message);
    expect(result.exitCode).toBe(2);
    expect(result.stderr).not.toMatch(/\n\s+at /);
  });

  it.each([["outputs"], ["ssh"], ["seed"], ["login-code"], ["rollback"]])(
    "%s without a running stack starts nothing",
    async (command) => {
      const folder = await mkdtemp(join(tmpdir(), "dukaan-usage-"));
      const env = { DUKAAN_STATE: folder, DUKAAN_LOCAL_HOME: folder, DUKAAN_INSTANCE: "unit" };
      const result = await execa(process.execPath, [main, command], { env, reject: false, stdin: "ignore" });
      expect(result.stderr).toContain('the local cloud "unit" of stack "lab" does not run');
      expect(result.stderr).toContain("./dukaan up --stack lab");
      expect(result.exitCode).toBe(3);
      expect(await readdir(folder)).toEqual([]);
      await rm(folder, { recursive: true });
    },
  );

  it("sets a bill of one's own beside a stage at every target", async () => {
    const { stdout } = await cli(
      "cost",
      "--bom",
      "docs/cost-bom.example.yaml",
      "--stage",
      "fleet",
      "--usage",
      "low",
    );
    expect(stdout).toMatch(/^a month +Last month on AWS +aws-managed +aws-self-run +hetzner$/m);
    expect(stdout).toMatch(/^total +\$1,660 +\$263 +\$254 +\$36\.10$/m);
  });

  it("plans and draws a real stack without access to its cloud", async () => {
    const plan = await cli("plan", "--stack", "prod", "--json");
    expect(JSON.parse(plan.stdout)).toMatchObject({ stack: "prod", machines: [{ name: "app-1" }] });
    const diagram = await cli("diagram", "--stack", "prod", "--stage", "kafka");
    expect(diagram.stdout).toMatch(/^<svg [^]*<\/svg>$/);
    expect([plan.exitCode, diagram.exitCode]).toEqual([0, 0]);
  });

  it("changes a stack on a real cloud only when somebody confirms it", async () => {
    const settings = () => readFile(join(projectRoot, "Pulumi.prod.yaml"), "utf8");
    const before = await settings();
    const result = await cli("up", "--stack", "prod", "--stage", "fleet");
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toContain("--yes");
    expect(await settings()).toBe(before);
  });

  it("breaks nothing on a real cloud unless its name is said", async () => {
    for (const options of [[], ["--yes", "staging"]]) {
      const refused = await cli("drill", "app-loss", "--stack", "prod", "--only", "killed", ...options);
      expect(refused.exitCode).toBe(4);
      expect(refused.stderr).toContain("breaks one of its app servers (killed)");
      expect(refused.stderr).toContain("--yes prod");
    }
  });

  it("refuses to destroy a stack on a real cloud unless its name is said again", async () => {
    const result = await cli("down", "--stack", "prod");
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toContain("--destroy-data prod");
  });
});
