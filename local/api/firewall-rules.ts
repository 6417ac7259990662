import { Type, type Static } from "typebox";
import { isCidr } from "./addresses.js";
import { invalidInput, type FieldMessages } from "./errors.js";
import { Body, Nullable, type FirewallRule } from "./schemas.js";

export const RuleInput = Body({
  direction: Type.Enum(["in", "out"]),
  protocol: Type.Enum(["tcp", "udp", "icmp", "esp", "gre"]),
  port: Type.Optional(Nullable(Type.String())),
  source_ips: Type.Optional(Type.Array(Type.String())),
  destination_ips: Type.Optional(Type.Array(Type.String())),
  description: Type.Optional(Nullable(Type.String({ maxLength: 255 }))),
});

/**
 * Checks rules and fills in what is left out. Limits: https://docs.hetzner.com/cloud/firewalls/overview#limits
 * @throws ApiError invalid_input that names every wrong field
 */
export function checkRules(rules: Static<typeof RuleInput>[]): Static<typeof FirewallRule>[] {
  const fields: FieldMessages = {};
  const wrong = (field: string, message: string) => void (fields[field] ??= []).push(message);
  const checked = rules.map((rule, index) => {
    const at = `rules.${index}`;
    const isIn = rule.direction === "in";
    const [own, other] = isIn
      ? (["source_ips", "destination_ips"] as const)
      : (["destination_ips", "source_ips"] as const);
    const remotes = rule[own] ?? [];
    if (remotes.length === 0) wrong(`${at}.${own}`, `is needed for the direction ${rule.direction}`);
    if (remotes.length > 100) wrong(`${at}.${own}`, "must not have more than 100 entries");
    if (rule[other]?.length) wrong(`${at}.${other}`, `must be empty for the direction ${rule.direction}`);
    for (const [position, cidr] of remotes.entries()) {
      if (!isCidr(cidr)) wrong(`${at}.${own}.${position}`, `'${cidr}' is not a CIDR block without host bits`);
    }
    const port = rule.port ?? null;
    const needsPort = rule.protocol === "tcp" || rule.protocol === "udp";
    if (needsPort && port === null) wrong(`${at}.port`, `is needed for ${rule.protocol}`);
    if (!needsPort && port !== null) wrong(`${at}.port`, `must not be set for ${rule.protocol}`);
    if (needsPort && port !== null && !isPort(port)) {
      wrong(`${at}.port`, `'${port}' is neither a port from 1 to 65535 nor a range such as 1024-5000`);
    }
    return {
      description: rule.description ?? null,
      direction: rule.direction,
      source_ips: isIn ? remotes : [],
      destination_ips: isIn ? [] : remotes,
      protocol: rule.protocol,
      port,
    };
  });
  if (rules.length > 50) wrong("rules", "must not have more than 50 entries");
  const effective = checked.reduce(
    (sum, rule) => sum + rule.source_ips.length + rule.destination_ips.length,
    0,
  );
  if (effective > 500) wrong("rules", `must not have more than 500 effective rules, has ${effective}`);
  if (Object.keys(fields).length > 0) throw invalidInput(fields);
  return checked;
}

/** Without leading zeros: nft reads 010 as octal, and would open port 8. */
function isPort(text: string): boolean {
  const match = /^([1-9]\d{0,4})(?:-([1-9]\d{0,4}))?$/.exec(text);
  const low = Number(match?.[1]);
  const high = Number(match?.[2] ?? low);
  return match !== null && low <= high && high <= 65_535;
}
