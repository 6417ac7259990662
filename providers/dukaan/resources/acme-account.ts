import { createHash, createPublicKey, generateKeyPair } from "node:crypto";
import { promisify } from "node:util";
import type { ResourceType } from "../resource.js";
import { secret, unknown } from "../values.js";

/** The key of an account with an ACME authority. Another directory is another account. */
export const acmeAccount: ResourceType<{ directory: string }, { privateKey: string; thumbprint: string }> = {
  check: () => [],

  diff({ oldInputs, news }) {
    if (oldInputs.directory === news.directory) return { changes: {} };
    return { changes: { directory: "update" }, replaces: ["directory"] };
  },

  async create(_, { preview }) {
    if (preview) return { id: "", outputs: { privateKey: secret(unknown), thumbprint: unknown } };
    // RSA: dehydrated signs with no other key of an account.
    const { privateKey } = await promisify(generateKeyPair)("rsa", {
      modulusLength: 2048,
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    });
    const thumbprint = thumbprintOf(privateKey);
    return { id: thumbprint, outputs: { privateKey: secret(privateKey), thumbprint } };
  },
};

/**
 * RFC 7638: the SHA-256 of the public key's required members, in alphabetical order, without spaces.
 * @param key PEM, of which only the public half counts
 */
export function thumbprintOf(key: string): string {
  const { e, n } = createPublicKey(key).export({ format: "jwk" });
  return createHash("sha256")
    .update(JSON.stringify({ e, kty: "RSA", n }))
    .digest("base64url");
}
