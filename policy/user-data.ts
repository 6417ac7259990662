import { parse, stringify } from "yaml";

const signs: readonly [pattern: RegExp, what: string][] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----/, "a private key"],
  [/\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/, "an access key of AWS"],
  [/\b(?=\w*[A-Z])(?=\w*[a-z])(?=\w*\d)[A-Za-z0-9]{64}\b/, "a token of Hetzner Cloud"],
  [/\b[a-z][a-z0-9+.-]*:\/\/[^\s:@/]*:[^\s:@/]+@/i, "a URL with a password"],
  [
    // What a script is about to find out is not in it.
    /(?:passw(?:or)?d|passphrase|secret|token|(?:api|access|secret)[-_]?key)["']?\s*[:=]\s*["']?(?!\$\()[^\s"'{[]{6,}/i,
    "a password or token",
  ],
  [/^\s*chpasswd\s*:/m, "passwords of users"],
];

/**
 * What looks like a secret in a machine's user data, which everybody who can log in or read the cloud's API sees. The one
 * that has to be there is left out: the machine's own SSH host key, by which its first contact is verified.
 * @returns what it is, never its value
 */
export function secretsIn(userData: string): string[] {
  const rest = withoutHostKey(userData);
  return signs.filter(([pattern]) => pattern.test(rest)).map(([, what]) => what);
}

function withoutHostKey(userData: string): string {
  if (!userData.startsWith("#cloud-config")) return userData;
  let config: unknown;
  try {
    config = parse(userData);
  } catch {
    return userData;
  }
  if (typeof config !== "object" || config === null) return userData;
  const { ssh_keys: _hostKey, ...rest } = config as Record<string, unknown>;
  return stringify(rest);
}
