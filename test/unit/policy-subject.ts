import { breaches, type StackSubject } from "../../policy/rule.js";
import { rules, stackRules } from "../../policy/rules.js";

/** A resource of stack `prod`, protected, at a real cloud, unless said otherwise. */
export function subject(
  type: string,
  props: Record<string, unknown>,
  more: Partial<StackSubject> = {},
): StackSubject {
  const name = more.name ?? "it";
  const urn = `urn:pulumi:prod::dukaan::dukaan:index:Environment$${type}::${name}`;
  return { type, name, urn, props, protect: true, origins: {}, ...more };
}

/** What one rule finds wrong with a resource. @throws Error when there is no such rule */
export function findings(rule: string, one: StackSubject): string[] {
  const found = rules.find(({ name }) => name === rule);
  if (!found) throw new Error(`no rule ${rule}`);
  return breaches(found, one);
}

/** What a rule finds wrong with resources together, as `name: what`. @throws Error when there is no such rule */
export function stackFindings(rule: string, ...subjects: StackSubject[]): string[] {
  const found = stackRules.find(({ name }) => name === rule);
  if (!found) throw new Error(`no rule ${rule}`);
  return found.check(subjects).map(({ urn, found: what }) => `${urn.split("::").at(-1)}: ${what}`);
}
