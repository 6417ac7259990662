import { createReadStream } from "node:fs";
import { ProviderError, type Context } from "../resource.js";
import type { Machine } from "../ssh/machine.js";
import { quote, readScript } from "../ssh/script.js";
import { verify, type ReleaseArchive } from "./archives.js";

/** Sends an archive as it is, over standard input; the script that takes it is the command. */
export async function uploadArchive(machine: Machine, sent: ReleaseArchive, context: Context): Promise<void> {
  const { archive, digest, property, title, content, place } = sent;
  const size = await verify(sent);
  context.progress(`sending ${title} (${(size / 1e6).toFixed(0)} MB) to ${machine.host}`);
  const script = (await readScript("place-archive.sh")).toString();
  const command = quote(["sh", "-c", script, "place-archive", place, content, digest]);
  const { code, lines } = await machine.run(command, createReadStream(archive));
  if (code !== 0)
    throw new ProviderError(
      `${property}.archive: ${machine.host} cannot unpack it (it must be a tar.gz with ${content})\n  ${lines.join("\n  ")}`,
    );
}
