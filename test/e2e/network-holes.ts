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
  const env = JSON.parse((await lab.dukaan("env", "--json")).stdout) as Record<string, string>;
  const ask = async (path: string, body?: object) => {
    const answer = await fetch(`${env["HCLOUD_ENDPOINT"]}${path}`, {
      headers: { authorization: `Bearer ${env["HCLOUD_TOKEN"]}`, "content-type": "application/json" },
      ...(body && { method: "POST", body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
    return (await answer.json()) as { firewalls: { id: number; rules: Rule[] }[] };
  };
  const [found] = (await ask(`/firewalls?name=${firewall}`)).firewalls;
  if (!found) throw new Error(`no firewall ${firewall}`);
  const setRules = async (rules: Rule[]) => {
    await ask(`/firewalls/${found.id}/actions/set_rules`, { rules });
  };
  await setRules([
    ...found.rules,
    { direction: "in", protocol: "tcp", port: String(port), source_ips: ["0.0.0.0/0", "::/0"] },
  ]);
  return () => setRules(found.rules);
}
