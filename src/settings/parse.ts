import { closest, distance } from "fastest-levenshtein";
import { Errors } from "typebox/schema";
import { defaultServerType } from "../topology/catalog.js";
import { parseAcme } from "./acme.js";
import { parseBackup, secretBackupSettings } from "./backup.js";
import { parseFailover } from "./failover.js";
import { parseImages } from "./images.js";
import { parseCapacity } from "./capacity.js";
import { environmentSecrets } from "./environment.js";
import { type Candidate, rules } from "./rules.js";
import { leastBackupDays } from "./managed.js";
import { parseSms } from "./sms.js";
import { type Problem, type RawSettings, type Settings, settingsSchema } from "./schema.js";

type Outcome = { settings: Settings; problems?: undefined } | { problems: Problem[]; settings?: undefined };

const everywhere = ["0.0.0.0/0", "::/0"];

/** Settings with parts, each checked in a file of its own. */
const structured: ReadonlySet<string> = new Set(["acme", "backup", "failover", "images", "capacity", "sms"]);

const fields: Readonly<Record<string, FieldSchema>> = settingsSchema.properties;

/** Names by namespace; of Pulumi's own, any. */
const knownNames = new Map<string, readonly string[] | undefined>([
  ["dukaan", Object.keys(fields)],
  ["hcloud", ["token", "endpoint", "endpointHetzner", "pollFunction", "pollInterval"]],
  ["pulumi", undefined],
]);

/** Every setting that is a secret, by its full path. */
export const secretSettings: ReadonlySet<string> = new Set([
  "hcloud:token",
  ...environmentSecrets,
  ...secretBackupSettings.map((name) => `dukaan:backup.${name}`),
  ...Object.entries(fields).flatMap(([name, { secret }]) => (secret ? [`dukaan:${name}`] : [])),
]);

/** The parts of a field's JSON Schema that are read here. */
interface FieldSchema {
  /** Never shown, and looked for wherever it must not be. */
  secret?: boolean;
  description: string;
  type?: string;
  enum?: readonly string[];
  default?: unknown;
  examples?: readonly unknown[];
}

/**
 * Checks a stack's configuration. Pure: what comes from the environment is handed in as configuration.
 * @param stack name of the Pulumi stack
 * @param raw by full key, e.g. `{ "dukaan:stage": "droplet", "hcloud:endpoint": … }`; values as in YAML or, as Pulumi
 *   hands them over, as text
 * @returns the settings, or every problem at once
 */
export function parseSettings(stack: string, raw: Readonly<Record<string, unknown>>): Outcome {
  const problems = unknownKeys(raw);
  const settings: Partial<RawSettings> & Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(fields)) {
    // They have parts, some of them secret.
    if (structured.has(name)) continue;
    const given = raw[`dukaan:${name}`];
    const value = given === undefined ? schema.default : fromText(given, schema);
    if (value === undefined) continue;
    const problem = checkField(name, schema, value);
    if (problem) problems.push(problem);
    else settings[name] = value;
  }

  const cloud = cloudOf(raw, settings);
  problems.push(...rules.flatMap((rule) => rule({ stack, settings, ...cloud })));
  // A location that is none is told by itself.
  const awsRegion = settings.provider === "aws" ? (settings.location ?? "") : undefined;
  const where = { local: cloud.local, awsRegion };
  const { backup, problems: ofBackup } = parseBackup(raw["dukaan:backup"], {
    stack,
    ...where,
    managed: settings.managed === true && settings.provider === "aws",
  });
  const { capacity, problems: ofCapacity } = parseCapacity(raw["dukaan:capacity"]);
  const { images, problems: ofImages } = parseImages(raw["dukaan:images"], {
    ...where,
    backup: raw["dukaan:backup"],
  });
  const { sms, problems: ofSms } = parseSms(raw["dukaan:sms"], { local: cloud.local });
  const { acme, problems: ofAcme } = parseAcme(raw["dukaan:acme"], {
    local: cloud.local,
    named: raw["dukaan:domain"] !== undefined,
    managed: settings.loadBalancer === "managed" ? settings.provider : undefined,
    zoned: raw["dukaan:hostedZone"] !== undefined,
  });
  const floatingIp = settings.floatingIp ?? (settings.loadBalancers ?? 1) > 1;
  const { failover, problems: ofFailover } = parseFailover(raw["dukaan:failover"], {
    wanted: floatingIp,
    local: cloud.local,
  });
  problems.push(...ofAcme, ...ofBackup, ...ofCapacity, ...ofFailover, ...ofImages, ...ofSms);
  if (problems.length > 0 || !sms || !isComplete(settings)) return { problems };

  const { local } = cloud;
  const { domain, hostedZone, changeToken, release, nat, managed, multiAz, backupDays, ...complete } =
    settings;
  const serverType = complete.serverType ?? defaultServerType(local, complete.provider);
  return {
    settings: {
      ...complete,
      stack,
      serverType,
      databaseServerType: complete.databaseServerType ?? serverType,
      local,
      floatingIp,
      ...(failover && { failover }),
      ...(nat === undefined || nat === "none" ? {} : { nat }),
      ...(managed && { managed: { multiAz: multiAz ?? true, backupDays: backupDays ?? leastBackupDays } }),
      // Only this computer is outside of a local cloud, and no public name leads into it.
      operatorCidrs: local ? everywhere : complete.operatorCidrs,
      ...(domain === undefined || (local && !acme) ? {} : { domain }),
      ...(hostedZone !== undefined && { hostedZone }),
      ...(acme && { acme }),
      sms,
      ...(backup && { backup }),
      ...(images && { images }),
      ...(capacity && { capacity }),
      ...(release === undefined ? {} : { release }),
      ...(changeToken === undefined ? {} : { changeToken }),
    },
  };
}

/** Problems as one text for a terminal. */
export function describeProblems(stack: string, problems: readonly Problem[]): string {
  const count = problems.length === 1 ? "One setting is" : `${problems.length} settings are`;
  return [
    `${count} wrong (Pulumi.${stack}.yaml); nothing was changed.`,
    ...problems.map(({ path, reason, remedy }) => `  ${path} ${reason}.\n    → ${remedy}`),
  ].join("\n");
}

function isComplete(settings: Partial<RawSettings>): settings is RawSettings {
  return settingsSchema.required.every((name) => settings[name] !== undefined);
}

/** Which cloud it is, by the provider's own settings. */
function cloudOf(
  raw: Readonly<Record<string, unknown>>,
  settings: Partial<RawSettings>,
): Omit<Candidate, "stack" | "settings"> {
  const given = raw["hcloud:endpoint"];
  const endpoint = given === undefined || typeof given === "string" ? given : JSON.stringify(given);
  const token = raw["hcloud:token"] ?? "";
  const onThisComputer = endpoint !== undefined && isLoopback(endpoint);
  return {
    onThisComputer,
    local: onThisComputer || settings.local === true,
    ...(endpoint === undefined ? {} : { endpoint }),
    // In the file itself it is `{ secure: … }`.
    ...(typeof token === "string" ? { tokenLength: token.length } : {}),
  };
}

function unknownKeys(raw: Readonly<Record<string, unknown>>): Problem[] {
  return Object.keys(raw).flatMap((key): Problem[] => {
    const [namespace = "", name = ""] = key.split(/:(.*)/s);
    const names = knownNames.get(namespace);
    if (!knownNames.has(namespace)) {
      const namespaces = [...knownNames.keys()];
      return [
        {
          path: key,
          reason: `is not a setting; settings begin with ${namespaces.map((known) => `${known}:`).join(", ")}`,
          remedy: suggest(namespace, namespaces, (known) => `${known}:${name}`) ?? "Remove it.",
        },
      ];
    }
    if (!names || names.includes(name)) return [];
    return [
      {
        path: key,
        reason: `is not a setting; there are ${names.join(", ")}`,
        remedy: suggest(name, names, (known) => `${namespace}:${known}`) ?? "Remove it.",
      },
    ];
  });
}

/** Pulumi hands every value over as text: lists as JSON, truth values as "true" and "false". */
function fromText(value: unknown, schema: FieldSchema): unknown {
  if (typeof value !== "string") return value;
  if (schema.type === "boolean") return value === "true" ? true : value === "false" ? false : value;
  if (schema.type === "number" || schema.type === "integer")
    return value.trim() === "" || Number.isNaN(Number(value)) ? value : Number(value);
  if (schema.type !== "array") return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

function checkField(name: string, schema: FieldSchema, value: unknown): Problem | undefined {
  const [, [error]] = Errors(schema, value);
  if (!error) return undefined;
  const index = /^\/(\d+)/.exec(error.instancePath)?.[1];
  const path = `dukaan:${name}${index === undefined ? "" : `[${index}]`}`;
  if (schema.enum) {
    const text = typeof value === "string" ? value : "";
    return {
      path,
      reason: `is ${JSON.stringify(value)}; allowed are ${schema.enum.join(", ")}`,
      remedy: suggest(text, schema.enum, (known) => known) ?? `Use e.g. ${schema.enum[0]}.`,
    };
  }
  const example = schema.examples?.[0] ?? schema.default ?? (schema.type === "boolean" ? true : undefined);
  return {
    path,
    reason: `is ${JSON.stringify(value).slice(0, 80)}; it ${error.message}`,
    remedy: `Use e.g. ${JSON.stringify(example)}, or remove it.`,
  };
}

/** The nearest known name when it is near enough to have been meant. */
function suggest(
  given: string,
  known: readonly string[],
  full: (known: string) => string,
): string | undefined {
  const nearest = closest(given, [...known]);
  const near = distance(given.toLowerCase(), nearest.toLowerCase());
  return given !== "" && near <= Math.max(1, Math.floor(nearest.length / 3))
    ? `Did you mean ${full(nearest)}?`
    : undefined;
}

function isLoopback(endpoint: string): boolean {
  if (!URL.canParse(endpoint)) return false;
  const { hostname } = new URL(endpoint);
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}
