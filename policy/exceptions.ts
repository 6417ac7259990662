import { parse } from "yaml";
import { partsOf } from "./rule.js";

/** A resource that a rule does not hold for, and why. */
export interface Exception {
  rule: string;
  stack: string;
  /** Its type and name: the last parts of its URN, e.g. "hcloud:index/firewall:Firewall::fsn1-edge" */
  resource: string;
  reason: string;
}

const keys = ["rule", "stack", "resource", "reason"] as const;

/**
 * Reads the list of exceptions.
 * @param text YAML
 * @param known names of rules
 * @throws Error that names every entry that is wrong, and what is allowed
 */
export function parseExceptions(text: string, known: readonly string[]): Exception[] {
  const entries: unknown = parse(text) ?? [];
  if (!Array.isArray(entries)) throw new Error(`it has to be a list of entries with ${keys.join(", ")}`);
  const problems = entries.flatMap((entry, index) =>
    problemsOf(entry, known).map((problem) => `entry ${index + 1}: ${problem}`),
  );
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return entries as Exception[];
}

function problemsOf(entry: unknown, known: readonly string[]): string[] {
  if (typeof entry !== "object" || entry === null) return [`it has to have ${keys.join(", ")}`];
  const given = entry as Record<string, unknown>;
  const isText = (key: string) => typeof given[key] === "string" && given[key].trim() !== "";
  const { rule, resource, reason } = given;
  return [
    ...keys.filter((key) => !isText(key)).map((key) => `${key} has to be a text`),
    ...Object.keys(given)
      .filter((key) => !(keys as readonly string[]).includes(key))
      .map((key) => `${key} is unknown; allowed are ${keys.join(", ")}`),
    ...(isText("rule") && !known.includes(String(rule))
      ? [`there is no rule "${String(rule)}"; allowed are ${known.join(", ")}`]
      : []),
    ...(isText("resource") && !/^[^:]+:[^:]+:[^:]+::.+$/.test(String(resource))
      ? [
          `resource "${String(resource)}" has to be a type and a name, as in hcloud:index/server:Server::app-1`,
        ]
      : []),
    ...(isText("reason") && String(reason).trim().split(/\s+/).length < 3
      ? [`reason "${String(reason)}" does not say why`]
      : []),
  ];
}

/** The exception that a resource has from a rule, if any. */
export function exceptionFor(
  exceptions: readonly Exception[],
  rule: string,
  urn: string,
): Exception | undefined {
  const { stack, type, name } = partsOf(urn);
  return exceptions.find(
    (one) => one.rule === rule && one.stack === stack && one.resource === `${type}::${name}`,
  );
}
