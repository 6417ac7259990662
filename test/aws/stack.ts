import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { stringify } from "yaml";
import { notIn } from "../../src/cli/evolution.js";
import { letGo } from "../../src/cli/let-go.js";
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

/** How many resources an update created, updated, replaced, deleted and left unchanged. */
export type Changes = Readonly<Record<string, number>>;

/** A stack of the project, brought up by Pulumi's engine and the plugin for AWS against an emulator. */
export class Stack {
  private constructor(
    private readonly folder: string,
    private readonly env: Record<string, string>,
    private readonly common: Config,
  ) {}

  /** @param common what all its settings have in common */
  static async make({ env }: Emulator, common: Config): Promise<Stack> {
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

  /** `pulumi up`, as a command may do it that has moved the data: the stage's guard lets the change pass. */
  async up(config: Config): Promise<Changes> {
    const settings = this.settings(config);
    const gone = new Set(notIn(topologyOf(settings), await this.state()).map(({ urn }) => urn));
    await this.release(({ urn }) => gone.has(urn));
    const guard = (await this.state()).find(({ type }) => type === "dukaan:index:Stage");
    const token = guard
      ? changeToken(guard.inputs as unknown as Guarded, guarded(settings, topologyOf(settings)))
      : "";
    await this.configure({ ...config, ...(token !== "" && { "dukaan:changeToken": token }) });
    const changes = changesOf(await this.pulumi(["up", "--yes", "--skip-preview"]));
    await this.configure(config);
    return changes;
  }

  /** What an `up` would do, a line for each resource that is not the same, e.g. `update Instance app-1: instanceType`. */
  async preview(config: Config, options: { refresh?: boolean } = {}): Promise<string[]> {
    await this.configure(config);
    const refresh = options.refresh ? ["--refresh"] : [];
    const { steps = [] }: { steps?: PreviewStep[] } = JSON.parse(
      await this.pulumi(["preview", "--json", ...refresh]),
    );
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

  /** Removes everything, as somebody may who has said that its data may go. */
  async destroy(): Promise<void> {
    await this.release(() => true);
    await this.pulumi(["destroy", "--yes", "--skip-preview"]);
  }

  /** Has AWS and Pulumi let go of what a change removes, as `evolve` and `down` do: by the settings from before it. */
  private async release(goes: (resource: Pick<StateResource, "urn">) => boolean): Promise<void> {
    const stack = { name: "test", local: false, instance: "test", directory: this.folder, configFile: "" };
    const env = { ...this.env, PULUMI_OPTION_CWD: this.folder };
    await letGo({ pulumi: { executable: "pulumi", env, stack } }, () => undefined, goes);
    const shielded = (await this.state()).filter((resource) => resource.protect === true && goes(resource));
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
    return writeFile(
      join(this.folder, "Pulumi.test.yaml"),
      stringify({ config: { ...this.common, ...config } }),
    );
  }

  /** @returns what it printed @throws Error with that */
  private async pulumi(command: string[]): Promise<string> {
    const { stdout, all, exitCode } = await execa(
      "pulumi",
      [...command, "--non-interactive", "--color=never"],
      {
        cwd: this.folder,
        env: this.env,
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

interface PreviewStep {
  op: string;
  urn: string;
  detailedDiff?: Record<string, unknown> | null;
}

/** The sums at the end of what `pulumi up` prints, e.g. `+ 12 created`. */
function changesOf(text: string): Changes {
  const [, sums = ""] = text.split("Resources:\n");
  const counts = [...sums.matchAll(/(\d+) (created|updated|replaced|deleted|unchanged)/g)];
  return Object.fromEntries(counts.map(([, count, what]) => [what, Number(count)]));
}
