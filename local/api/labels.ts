import { readJson } from "../state/json.js";
import { invalidInput } from "./errors.js";

export type Labels = Record<string, string>;

const prefix = String.raw`(?=[^/]{1,253}/)(?:[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)(?:\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*/`;
const segment = String.raw`[a-zA-Z0-9](?:[-_.a-zA-Z0-9]{0,61}[a-zA-Z0-9])?`;
const keyPattern = new RegExp(`^(?:${prefix})?${segment}$`);
const valuePattern = new RegExp(`^(?:${segment})?$`);

/**
 * Checks labels by https://docs.hetzner.cloud/reference/cloud, "Labels".
 * @throws ApiError invalid_input that names each wrong label
 */
export function checkLabels(labels: Labels): Labels {
  const messages: string[] = [];
  for (const [key, value] of Object.entries(labels)) {
    if (!keyPattern.test(key)) {
      messages.push(
        `key '${key}' must be a name of at most 63 letters, digits, '-', '_', '.', with an optional DNS prefix and '/'`,
      );
    } else if (key.startsWith("hetzner.cloud/")) {
      messages.push(`key '${key}' has the reserved prefix hetzner.cloud/`);
    }
    if (!valuePattern.test(value)) {
      messages.push(
        `value '${value}' of '${key}' must be at most 63 letters, digits, '-', '_', '.', or empty`,
      );
    }
  }
  if (messages.length > 0) throw invalidInput({ labels: messages });
  return labels;
}

/** Labels as the state keeps them, JSON text. */
export const readLabels = (text: string): Labels => readJson<Labels>(text);

export type Selector = (labels: Labels) => boolean;

const term = /^(?:(!)\s*(\S+)|(\S+?)\s*(==|!=|=)\s*(\S*)|(\S+)\s+(in|notin)\s*\(([^()]*)\)|(\S+))$/;

/**
 * Reads a label selector: `k=v`, `k==v`, `k!=v`, `k`, `!k`, `k in (a,b)`, `k notin (a,b)`, joined by commas, all of
 * which must hold. A label that is absent satisfies `!=` and `notin`.
 * @throws ApiError invalid_input that names `field`
 */
export function parseSelector(selector: string, field: string): Selector {
  // Commas within parentheses belong to a set.
  const terms = selector.split(/,(?![^(]*\))/).map((text) => text.trim());
  const wrong = (text: string): never => {
    throw invalidInput({ [field]: [`'${text}' is not a label selector term`] });
  };
  const conditions = terms.map((text): Selector => {
    const match = term.exec(text);
    if (!match) return wrong(text);
    const [, not, absentKey, equalsKey, operator, value, setKey, membership, members, presentKey] = match;
    const key = absentKey ?? equalsKey ?? setKey ?? presentKey ?? "";
    if (!keyPattern.test(key)) return wrong(text);
    if (not) return (labels) => !Object.hasOwn(labels, key);
    if (presentKey !== undefined) return (labels) => Object.hasOwn(labels, key);
    const values = setKey === undefined ? [value ?? ""] : (members ?? "").split(",").map((one) => one.trim());
    if (!values.every((one) => valuePattern.test(one))) return wrong(text);
    const negated = operator === "!=" || membership === "notin";
    return (labels) => {
      const label = Object.hasOwn(labels, key) ? labels[key] : undefined;
      return (label !== undefined && values.includes(label)) !== negated;
    };
  });
  return (labels) => conditions.every((condition) => condition(labels));
}
