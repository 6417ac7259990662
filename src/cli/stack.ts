import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { API_PORT } from "../../local/machines/firewall.js";
import { projectRoot } from "../project.js";
import { isEncrypted } from "../settings/structured.js";
import { CliError, ExitCode } from "./errors.js";
import { markedStage } from "./stage-mark.js";
import { writeAtomically } from "./write-atomically.js";

/** A Pulumi stack as the command line sees it: where its state and settings are, and which cloud it runs on. */
export interface StackContext {
  name: string;
  /** Runs against the local cloud: own backend, passphrase and configuration copy, all below `directory`. */
  local: boolean;
  /** Name of the local cloud's instance; only of meaning when `local`. */
  instance: string;
  /** Everything that this computer keeps of the stack: logs and keys, and for a local stack its state. */
  directory: string;
  /** The configuration that Pulumi reads. */
  configFile: string;
}

interface StackFile {
  config?: Record<string, unknown>;
  encryptionsalt?: string;
  [key: string]: unknown;
}

/** Where stacks are kept on this computer: `$DUKAAN_STATE`, else the XDG state folder. */
export function stateRoot(): string {
  return (
    process.env["DUKAAN_STATE"] ??
    join(process.env["XDG_STATE_HOME"] ?? join(homedir(), ".local", "state"), "dukaan")
  );
}

/** The settings of a stack as they are in the checkout. */
export function stackFileInTree(name: string): string {
  return join(projectRoot, `Pulumi.${name}.yaml`);
}

/**
 * Opens a stack by the name of its `Pulumi.<name>.yaml`.
 * @param options.local run it on the local cloud even if its settings name a real one
 * @throws CliError (usage) when there is no such file
 */
export async function openStack(name: string, options: { local?: boolean } = {}): Promise<StackContext> {
  const inTree = stackFileInTree(name);
  if (!/^[a-z][a-z0-9-]{0,29}$/.test(name) || !existsSync(inTree)) {
    throw new CliError(
      `there is no stack "${name}": ${inTree} does not exist`,
      "Use one of lab, staging, prod, or copy one of their files to Pulumi.<name>.yaml.",
      ExitCode.usage,
    );
  }
  const local = options.local === true || (await readStackFile(inTree)).config?.["dukaan:local"] === true;
  const directory = join(stateRoot(), name);
  return {
    name,
    local,
    instance: process.env["DUKAAN_INSTANCE"] ?? name,
    directory,
    configFile: local ? join(directory, "project", `Pulumi.${name}.yaml`) : inTree,
  };
}

/** What commands have set for a local stack: it lives with the stack, not in the checkout. */
function ownSettings(config: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const own = new Set(["dukaan:release", "dukaan:databaseLogins"]);
  return Object.fromEntries(Object.entries(config).filter(([key]) => own.has(key)));
}

/** The settings of a stack as they are written: a local one's are those of the checkout and its own. */
export async function writtenSettings(stack: StackContext): Promise<Record<string, unknown>> {
  const { config = {} } = await readStackFile(stackFileInTree(stack.name));
  if (!stack.local || !existsSync(stack.configFile)) return config;
  const own = ownSettings((await readStackFile(stack.configFile)).config);
  return {
    ...config,
    ...(await trialSettings(stack)),
    ...own,
    ...(await markedStage(stack.directory, config)),
  };
}

/**
 * What somebody tries on a local stack without touching the checkout: `settings.yaml` in the stack's folder, by full key
 * as below `config:`. It wins over the checkout.
 */
async function trialSettings({ directory }: StackContext): Promise<Record<string, unknown>> {
  const file = join(directory, "settings.yaml");
  return existsSync(file) ? await readStackFile(file) : {};
}

/** The part of the local cloud's object storage that is no secret. */
export interface StorageTarget {
  endpoint: string;
  region: string;
  caCertificate: string;
}

/**
 * Gives a local stack its own configuration, so that the checkout stays as it is: the settings of the tree with the
 * local cloud's endpoints, without the secrets, which are the real cloud's. The salt that Pulumi wrote into the copy
 * earlier is kept.
 */
export async function writeLocalConfig(
  stack: StackContext,
  endpoint: string,
  storage: StorageTarget,
): Promise<void> {
  const settings = await readStackFile(join(projectRoot, `Pulumi.${stack.name}.yaml`));
  const earlier = existsSync(stack.configFile) ? await readStackFile(stack.configFile) : {};
  const trial = await trialSettings(stack);
  const wanted = { ...settings.config, ...trial };
  const copy: StackFile = {
    config: {
      ...withoutSecrets(settings.config),
      ...trial,
      ...(await markedStage(stack.directory, settings.config ?? {})),
      "dukaan:local": true,
      ...ownSettings(earlier.config),
      "dukaan:backup": localBackup(stack, wanted["dukaan:backup"], storage),
      "dukaan:failover": localFailover(storage),
      "dukaan:images": localImages(stack, wanted["dukaan:images"], storage),
      "hcloud:endpoint": endpoint,
      // Actions of the local cloud end in milliseconds; the provider's 500 ms between looks would be most of the wait.
      "hcloud:pollInterval": "50ms",
    },
    ...(earlier.encryptionsalt === undefined ? {} : { encryptionsalt: earlier.encryptionsalt }),
  };
  await mkdir(join(stack.directory, "project"), { recursive: true, mode: 0o700 });
  await writeFile(join(stack.directory, "project", "Pulumi.yaml"), "name: dukaan\nruntime: nodejs\n");
  await writeAtomically(stack.configFile, stringify(copy), 0o600);
}

/**
 * What of a real stack's configuration may go to the local cloud: not the token, in the clear or encrypted, nothing
 * that is encrypted with the real stack's key, not the way by which messages reach real phones, and not the authority that
 * signs for the real name.
 */
export function withoutSecrets(config: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).filter(
      ([key, value]) =>
        key !== "hcloud:token" &&
        !isEncrypted(value) &&
        (!["dukaan:sms", "dukaan:acme"].includes(key) || config["dukaan:local"] === true),
    ),
  );
}

/** Backups of a local stack go to the local object storage; when and how many is for the settings to say. */
function localBackup(stack: StackContext, wanted: unknown, storage: StorageTarget): unknown {
  if (wanted === "none") return wanted;
  const own = Object.entries(typeof wanted === "object" && wanted !== null ? wanted : {}).filter(([name]) =>
    ["path", "fullSchedule", "differentialSchedule", "keepFull"].includes(name),
  );
  const { endpoint, region, caCertificate } = storage;
  return { ...Object.fromEntries(own), endpoint, region, bucket: `${stack.name}-backups`, caCertificate };
}

/** The local cloud's API as machines reach it: where the object storage is, with a certificate of the same authority. */
function localFailover({ endpoint, caCertificate }: StorageTarget): unknown {
  return { endpoint: `${endpoint}:${API_PORT}/v1`, caCertificate };
}

/** Pictures of a local stack are in the local object storage, whatever the settings name. */
function localImages(
  stack: StackContext,
  wanted: unknown,
  { endpoint, region, caCertificate }: StorageTarget,
): unknown {
  return wanted === "none" ? wanted : { endpoint, region, bucket: `${stack.name}-images`, caCertificate };
}

/** The environment that points Pulumi at this stack. A real stack keeps the user's own login and passphrase. */
export async function stackEnvironment(stack: StackContext): Promise<Record<string, string>> {
  const shared = { PULUMI_OPTION_STACK: stack.name, PULUMI_SKIP_UPDATE_CHECK: "true" };
  if (!stack.local) return shared;
  const backend = join(stack.directory, "backend");
  await mkdir(backend, { recursive: true, mode: 0o700 });
  return {
    ...shared,
    PULUMI_BACKEND_URL: `file://${backend}`,
    PULUMI_CONFIG_PASSPHRASE_FILE: await passphraseFile(stack),
    PULUMI_OPTION_CONFIG_FILE: stack.configFile,
    // No diagnosis or history leaves the computer, and an unreachable update server costs no time.
    PULUMI_DIY_BACKEND_NO_LEGACY_WARNING: "true",
  };
}

async function passphraseFile(stack: StackContext): Promise<string> {
  const file = join(stack.directory, "passphrase");
  if (!existsSync(file)) await writeAtomically(file, randomBytes(32).toString("base64url"), 0o600);
  return file;
}

/** The settings of a stack as they are in the checkout, by key. @throws CliError (usage) when they are no YAML */
export async function configInTree(name: string): Promise<Record<string, unknown>> {
  return (await readStackFile(stackFileInTree(name))).config ?? {};
}

async function readStackFile(file: string): Promise<StackFile> {
  try {
    return (parse(await readFile(file, "utf8")) as StackFile | null) ?? {};
  } catch (error) {
    throw new CliError(
      `${file} is not valid YAML: ${(error as Error).message}`,
      "Correct the file and try again.",
      ExitCode.usage,
      { cause: error },
    );
  }
}
