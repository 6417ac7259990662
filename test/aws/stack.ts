import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { parse, stringify } from "yaml";
import { notIn } from "../../src/cli/evolution.js";
import { letGo } from "../../src/cli/let-go.js";
import type { Session } from "../../src/cli/session.js";
import type { Settings } from "../../src/settings/schema.js";
import { parseSettings } from "../../src/settings/parse.js";
import { type Guarded, changeToken, guarded } from "../../src/topology/guard.js";
import { topologyOf } from "../../stacks/index.js";
import { projectRoot } from "../../toolchain/cache.js";
import {
  ensureAwsPlugin,
  ensureImageLibrary,
  ensureNodeRuntime,
  ensureToolchain,
} from "../../toolchain/index.js";
import type { Emulator } from "./emulator.js";

const configuration = "Pulumi.test.yaml";

/** Settings by full key, e.g. `{ "dukaan:stage": "split" }`. */
export type Config = Readonly<Record<string, unknown>>;

/** A resource as Pulumi's state has it. */
export interface StateResource {
  urn: string;
  type: string;
  id?: string;
  protect?: boolean;
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
}

/** A stack of the project, brought up by Pulumi's engine and the plugin for AWS against an emulator. */
export class Stack {
  private constructor(
    private readonly folder: string,
    private readonly env: Record<string, string>,
    private readonly common: Config,
  ) {}

  /**
   * @param common what all its settings have in common
   * @param more for the program's environment
   */
  static async make(
    { env }: Emulator,
    common: Config,
    more: Readonly<Record<string, string>> = {},
  ): Promise<Stack> {
    const toolchain = await ensureToolchain();
    await ensureAwsPlugin(toolchain);
    const folder = await mkdtemp(join(tmpdir(), "dukaan-aws-"));
    const provider = join(projectRoot, "test/aws/stack");
    await writeFile(
      join(folder, "Pulumi.yaml"),
      stringify({
        name: "dukaan",
        main: "dist/test/aws/stack/program.js",
        runtime: { name: "nodejs", options: { typescript: false } },
        plugins: { providers: [{ name: "dukaan", path: provider }] },
      }),
    );
    for (const name of ["dist", "node_modules", "package.json"]) {
      await symlink(join(projectRoot, name), join(folder, name));
    }
    const stack = new Stack(
      folder,
      {
        ...toolchain.env,
        ...env,
        PULUMI_BACKEND_URL: `file://${folder}`,
        PULUMI_CONFIG_PASSPHRASE: "test",
        PULUMI_STACK: "test",
        // The state is written once an update and not twice a resource: nobody takes an interrupted one up.
        PULUMI_SKIP_CHECKPOINTS: "true",
        DUKAAN_NODE: process.execPath,
        DUKAAN_NODE_RUNTIME: JSON.stringify(await ensureNodeRuntime()),
        DUKAAN_NATIVE_MODULES: JSON.stringify(await ensureImageLibrary()),
        ...more,
      },
      common,
    );
    await stack.pulumi(["stack", "init", "test"]);
    return stack;
  }

  /** Settings of the stack as the program sees them. @throws Error with their problems */
  settings(config: Config): Settings {
    const { settings, problems } = parseSettings("test", { ...this.common, ...config });
    if (!settings) throw new Error(JSON.stringify(problems));
    return settings;
  }

  /**
   * `pulumi up`, as a command may do it that has moved the data: the stage's guard lets the change pass.
   * @returns what it did, see {@link describeSteps}
   */
  async up(config: Config): Promise<string[]> {
    const settings = this.settings(config);
    const topology = topologyOf(settings);
    const before = await this.state();
    const gone = notIn(topology, before);
    await this.unprotect(gone);
    await this.letGo(gone);
    const guard = before.find(({ type }) => type === "dukaan:index:Stage");
    const token = guard ? changeToken(guard.inputs as unknown as Guarded, guarded(settings, topology)) : "";
    await this.configure({ ...config, ...(token !== "" && { "dukaan:changeToken": token }) });
    const log = join(this.folder, "events");
    await rm(log, { force: true });
    // --event-log is one of the flags that Pulumi offers only under this name.
    const debug = { PULUMI_DEBUG_COMMANDS: "true" };
    await this.pulumi(["up", "--yes", "--skip-preview", "--event-log", log], debug);
    await this.configure(config);
    const lines = (await readFile(log, "utf8")).split("\n").filter((line) => line !== "");
    const events: { resourcePreEvent?: { metadata: Step } }[] = lines.map((line) => JSON.parse(line));
    return describeSteps(events.flatMap(({ resourcePreEvent: step }) => (step ? [step.metadata] : [])));
  }

  /** What an `up` would do, see {@link describeSteps}. */
  async preview(config: Config, options: { refresh?: boolean } = {}): Promise<string[]> {
    await this.configure(config);
    const refresh = options.refresh ? ["--refresh"] : [];
    const told = await this.pulumi(["preview", "--json", ...refresh]);
    const { steps = [] }: { steps?: Step[] } = JSON.parse(told);
    return describeSteps(steps);
  }

  /** Removes everything, as somebody may who has said that its data may go. */
  async destroy(): Promise<void> {
    const all = await this.state();
    await this.unprotect(all);
    await this.letGo(all);
    await this.pulumi(["destroy", "--yes", "--skip-preview"]);
  }

  /** Has AWS let go of what it would not delete, as `evolve` and `down` do. */
  private async letGo(resources: readonly StateResource[]): Promise<void> {
    const goes = new Set(resources.map(({ urn }) => urn));
    await letGo(
      this.session,
      () => undefined,
      ({ urn }) => goes.has(urn),
    );
  }

  /** What commands work with. */
  get session(): Session {
    const stack = {
      name: "test",
      local: false,
      instance: "test",
      directory: this.folder,
      configFile: join(this.folder, configuration),
    };
    const env = { ...this.env, PULUMI_OPTION_CWD: this.folder };
    return { stack, pulumi: { executable: "pulumi", env, stack } };
  }

  /** The settings that Pulumi has, as a command may have left them. */
  async configured(): Promise<Config> {
    const file: { config?: Config } = parse(await readFile(join(this.folder, configuration), "utf8"));
    return file.config ?? {};
  }

  /** Lifts Pulumi's protection from what a change removes, as `evolve` does and `down`. */
  private async unprotect(resources: readonly StateResource[]): Promise<void> {
    const shielded = resources.filter(({ protect }) => protect === true);
    if (shielded.length === 0) return;
    await this.pulumi(["state", "unprotect", "--yes", ...shielded.map(({ urn }) => urn)]);
  }

  async state(): Promise<StateResource[]> {
    const exported: { deployment: { resources?: StateResource[] } } = JSON.parse(
      await this.pulumi(["stack", "export"]),
    );
    return exported.deployment.resources ?? [];
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }

  /** The file that Pulumi reads settings from; its salt stays. */
  private configure(config: Config): Promise<void> {
    return writeFile(join(this.folder, configuration), stringify({ config: { ...this.common, ...config } }));
  }

  /** @returns what it printed @throws Error with that */
  private async pulumi(command: string[], more: Record<string, string> = {}): Promise<string> {
    const { stdout, all, exitCode } = await execa(
      "pulumi",
      [...command, "--non-interactive", "--color=never"],
      {
        cwd: this.folder,
        env: { ...this.env, ...more },
        all: true,
        reject: false,
        stdin: "ignore",
      },
    );
    if (exitCode !== 0) {
      // Without the list of what went well.
      const [, said = all] = all.split("Diagnostics:\n");
      throw new Error(`pulumi ${command.join(" ")}\n${said.slice(0, 4000)}`);
    }
    return stdout;
  }
}

/** What Pulumi's engine does with a resource. */
interface Step {
  op: string;
  urn: string;
  detailedDiff?: Record<string, unknown> | null;
}

/** A line for each that is not the same, e.g. `update Instance app-1: instanceType`. */
function describeSteps(steps: readonly Step[]): string[] {
  return steps
    .filter(({ op }) => op !== "same" && op !== "refresh")
    .map(({ op, urn, detailedDiff }) => {
      const [, , types = "", name = ""] = urn.split("::");
      // Whole inputs: `parameters`, and not which of them.
      const paths = op === "create" ? [] : Object.keys(detailedDiff ?? {});
      const differs = [...new Set(paths.map((path) => path.split(/[.[]/)[0] ?? path))].toSorted();
      const [type] = types.split("$").slice(-1);
      return `${op} ${type} ${name}${differs.length > 0 ? `: ${differs.join(", ")}` : ""}`;
    })
    .toSorted();
}
