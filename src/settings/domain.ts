import type { Candidate } from "./rules.js";
import type { Problem } from "./schema.js";

/** The shop's name, and the zone that it is in. */
export function domainRules({ settings: { domain, hostedZone, provider } }: Candidate): Problem[] {
  const problems: Problem[] = [];
  if (domain !== undefined && !isDomain(domain)) {
    problems.push({
      path: "dukaan:domain",
      reason: `${JSON.stringify(domain)} is not a domain name`,
      remedy: "Give a lower-case name without scheme, port or path, e.g. shop.example.com.",
    });
  }
  const ofZone = hostedZone === undefined ? undefined : zoneProblem(hostedZone, domain, provider);
  return ofZone ? [...problems, { path: "dukaan:hostedZone", ...ofZone }] : problems;
}

function zoneProblem(
  zone: string,
  domain: string | undefined,
  provider: string | undefined,
): Omit<Problem, "path"> | undefined {
  const shown = JSON.stringify(zone);
  const isId = /^Z[A-Z0-9]{1,31}$/.test(zone);
  const remedy = "Give its name, e.g. example.com, or its id, e.g. Z0123456789ABCDEFGHIJ; or remove it.";
  if (!isId && !isDomain(zone)) return { reason: `${shown} is neither a zone's name nor its id`, remedy };
  if (provider === "hetzner")
    return { reason: `is ${shown}, and only AWS has Route 53`, remedy: "Remove it." };
  if (domain === undefined) {
    const reason = "is set and dukaan:domain is not: there is no name to keep there";
    return {
      reason,
      remedy: "Set dukaan:domain to the name under which the shop is reached, or remove it.",
    };
  }
  if (isId || domain === zone || domain.endsWith(`.${zone}`)) return undefined;
  return { reason: `is ${shown}, which ${domain} (dukaan:domain) is not in`, remedy };
}

function isDomain(name: string): boolean {
  const labels = name.split(".");
  return (
    labels.length >= 2 &&
    labels.every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label)) &&
    !/^\d+$/.test(labels.at(-1) ?? "")
  );
}
