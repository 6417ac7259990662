import { execa } from "execa";
import type { Lab } from "./lab.js";

/** What Pulumi puts in a secret's place in an exported state. */
const signature = "4dabf18193072939515e22adb298388d";

/** Parts of the environment of a release that are no secrets, though the whole of it is treated as one. */
const publicVariables = new Set([
  "PUBLIC_URL",
  "SMS_GATEWAY",
  "NODE_OPTIONS",
  "IMAGES_ENDPOINT",
  "IMAGES_REGION",
  "IMAGES_BUCKET",
  "IMAGES_CA_CERTIFICATE",
]);

const word = /[A-Za-z0-9+/_-]{20,}={0,2}/g;

/** What else is in a secret text (key types, paths, names of settings) may be anywhere. */
function isMadeByChance(text: string): boolean {
  return /^[0-9a-f]{32,}$/.test(text) || [/[A-Z]/, /[a-z]/, /[0-9]/].every((kind) => kind.test(text));
}

/**
 * The words of every secret in a stack's state, by the path where it is: whatever a later resource keeps secret is in it
 * by itself. A word that the same state also has in public (a public key, a salt) is none.
 */
export async function secretWords(lab: Lab): Promise<Map<string, string>> {
  const { stdout } = await lab.pulumi("stack", "export", "--show-secrets");
  const { deployment } = JSON.parse(stdout) as { deployment: { resources: Record<string, unknown>[] } };
  const secret = new Map<string, string>();
  const open = new Set<string>();
  const add = (text: string, path: string, hidden: boolean) => {
    // In user-data, keys stand as JSON.
    const words = text.replaceAll("\\n", "\n").match(word) ?? [];
    for (const one of words.filter(isMadeByChance)) {
      if (!hidden) open.add(one);
      else if (!secret.has(one)) secret.set(one, path);
    }
  };
  const walk = (value: unknown, path: string, hidden: boolean): void => {
    if (typeof value === "string") return add(value, path, hidden);
    if (typeof value !== "object" || value === null) return;
    if (signature in value)
      return walk(JSON.parse((value as unknown as { plaintext: string }).plaintext), path, true);
    for (const [name, part] of Object.entries(value)) {
      if (name === signature) continue;
      walk(part, `${path}.${name}`, hidden && !publicVariables.has(name));
    }
  };
  for (const { urn, inputs, outputs } of deployment.resources) {
    const name = (urn as string)
      .split("::")
      .slice(2)
      .join(" ")
      .replace(/^.*[$:]/, "");
    walk(inputs, name, false);
    walk(outputs, name, false);
  }
  for (const one of open) secret.delete(one);
  // What every OpenSSH key begins with.
  for (const one of secret.keys()) if (one.startsWith("b3BlbnNzaC1rZXktdjE")) secret.delete(one);
  return secret;
}

/** Which of the words a text has: the paths, never the words themselves. */
export function found(words: ReadonlyMap<string, string>, text: string): string[] {
  return [...words].flatMap(([secret, path]) => (text.includes(secret) ? [path] : []));
}

/** Files below a folder of this computer that have one of the words. The words come over standard input. */
export async function filesWith(words: ReadonlyMap<string, string>, folder: string): Promise<string[]> {
  const options = ["-rlaF", "-f", "-", "--exclude=disk.img", folder];
  const result = await execa("grep", options, { input: [...words.keys()].join("\n"), reject: false });
  return result.stdout.split("\n").filter((file) => file !== "");
}
