import { createHash } from "node:crypto";
import type { ResourceType } from "../resource.js";
import { isKnown, secret, unknown } from "../values.js";

/** An Ed25519 key pair. A new comment changes the public line only; the key stays. */
export const sshKey: ResourceType<{ comment: string }, { publicKey: string; privateKey: string }> = {
  check({ comment }) {
    return isKnown(comment) && !/^[\w@.+:-]+$/.test(comment)
      ? [{ property: "comment", reason: "must be letters, digits or one of @ . + : _ -, e.g. deploy@lab" }]
      : [];
  },

  diff({ oldInputs, news }) {
    return { changes: oldInputs.comment === news.comment ? {} : { comment: "update" } };
  },

  async create({ comment }, { preview }) {
    if (preview) return { id: "", outputs: { publicKey: unknown, privateKey: secret(unknown) } };
    const pair = await generateKeyPair(comment);
    return {
      id: fingerprint(pair.public),
      outputs: { publicKey: pair.public, privateKey: secret(pair.private) },
    };
  },

  async update({ olds, news }) {
    const [type, key] = olds.publicKey.split(" ");
    return { publicKey: `${type} ${key} ${news.comment}`, privateKey: secret(olds.privateKey) };
  },
};

/** Of a public Ed25519 key as SSH writes it: length and name of the type (4 + 11), length and bytes of the key (4 + 32). */
const blobBytes = 51;

/**
 * ssh2 drops zeros at the beginning of the public key, one key in 256, and no sshd takes the shorter one: then another key.
 */
async function generateKeyPair(comment: string): Promise<{ public: string; private: string }> {
  const { default: ssh2 } = await import("ssh2");
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync("ed25519", { comment });
    if (Buffer.from(pair.public.split(" ")[1] ?? "", "base64").length === blobBytes) return pair;
  }
}

/** As `ssh-keygen -l` prints it. */
function fingerprint(publicKey: string): string {
  const key = Buffer.from(publicKey.split(" ")[1] ?? "", "base64");
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}
