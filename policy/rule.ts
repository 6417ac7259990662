/** A resource as rules see it: what the program asks for, before it is made. */
export interface Subject {
  /** e.g. "hcloud:index/firewall:Firewall" */
  type: string;
  name: string;
  urn: string;
  /** Inputs with secrets in the clear. Reading one that is not known yet may throw: the rule is then asked again later. */
  props: Readonly<Record<string, unknown>>;
  /** Whether Pulumi refuses to delete it. */
  protect: boolean;
  /** Of its provider's settings: where the cloud's API is, and tags that all resources get. */
  provider?: { endpoint?: unknown; defaultTags?: unknown } | undefined;
}

/** Something that must hold for each resource by itself. */
export interface Rule {
  /** e.g. "hetzner-public-ports"; exceptions name it. */
  name: string;
  /** What must hold, as a sentence. */
  description: string;
  /** What to do where it does not, as a sentence. */
  remedy: string;
  /** The types of resources that it is about. */
  types: readonly string[];
  /** @returns what is wrong with a resource of these types, without values of secrets; empty: nothing */
  check: (subject: Subject) => string[];
}

/** What is wrong with a resource by a rule; nothing where the rule is about others. */
export function breaches(rule: Rule, subject: Subject): string[] {
  return rule.types.includes(subject.type) ? rule.check(subject) : [];
}

/** A resource among those of its stack. */
export interface StackSubject extends Subject {
  /** URNs of the resources that a property's value comes from, by property. */
  origins: Readonly<Record<string, readonly string[]>>;
}

/** Something that shows only when all resources of a stack are looked at. */
export interface StackRule extends Omit<Rule, "types" | "check"> {
  check: (subjects: readonly StackSubject[]) => { urn: string; found: string }[];
}

/** What the user reads below the rule's description: where, what, and what to do. */
export function message(rule: Pick<Rule, "remedy">, urn: string, found: string): string {
  return `${where(urn)}: ${found}\n→ ${rule.remedy}`;
}

/** A resource as people call it, e.g. `Firewall "fsn1-app"`. */
export function where(urn: string): string {
  const { type, name } = partsOf(urn);
  return `${type.split(":").at(-1)} "${name}"`;
}

/** The parts of `urn:pulumi:<stack>::<project>::<types of parents and own, by $>::<name>`. */
export function partsOf(urn: string): { stack: string; type: string; name: string } {
  const [stack = "", , types = "", ...name] = urn.replace(/^urn:pulumi:/, "").split("::");
  return { stack, type: types.split("$").at(-1) ?? "", name: name.join("::") };
}
