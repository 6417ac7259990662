import type { Subject } from "../rule.js";

/** Whether a resource is made in a local cloud: its provider's endpoint is on this computer. */
export function onThisComputer({ provider }: Pick<Subject, "provider">): boolean {
  const endpoint = provider?.endpoint;
  if (typeof endpoint !== "string" || !URL.canParse(endpoint)) return false;
  const { hostname } = new URL(endpoint);
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}
