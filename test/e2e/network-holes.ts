import type { Lab } from "./lab.js";

interface Rule {
  direction: string;
  [key: string]: unknown;
}

/**
 * Opens a TCP port in the cloud's firewall of a tier, as somebody might in the console.
 * @returns puts the rules back
 */
export async function openInCloud(lab: Lab, firewall: string, port: number): Promise<() => Promise<void>> {
  const { firewalls } = await lab.cloud<{ firewalls: { id: number; rules: Rule[] }[] }>(
    "GET",
    `/firewalls?name=${firewall}`,
  );
  const [found] = firewalls;
  if (!found) throw new Error(`no firewall ${firewall}`);
  const setRules = async (rules: Rule[]) => {
    await lab.cloud("POST", `/firewalls/${found.id}/actions/set_rules`, { rules });
  };
  await setRules([
    ...found.rules,
    { direction: "in", protocol: "tcp", port: String(port), source_ips: ["0.0.0.0/0", "::/0"] },
  ]);
  return () => setRules(found.rules);
}
