import { existsSync } from "node:fs";
import { join } from "node:path";
import { toolsDirectory } from "./cache.js";
import type { NpmPackage } from "./npm-package.js";
import type { Report } from "./progress.js";

/** sharp with its native parts for the servers: an archive with nothing but `node_modules/`. */
export interface ImageLibrary {
  /** The path of the archive, a .tar.gz. */
  archive: string;
  /** The SHA-256 of the archive in hexadecimal: the same on every computer. */
  digest: string;
}

/**
 * What the library is made from, and what must come out of it. The versions are those of package-lock.json (a test holds
 * them together); the native parts are the servers', whatever this computer is.
 */
export const imageLibrary: { version: string; packages: readonly NpmPackage[]; digest: string } = {
  version: "0.35.5",
  packages: [
    {
      name: "sharp",
      version: "0.35.5",
      integrity:
        "sha512-Ywn4OnzGukp7CDMrp08RQ50YKmuwG47brZgIVPTvBaaAfQlRlygrRqSrxdCiL9M+LlzLBiJ68IR1QqvzHyjC7g==",
    },
    {
      name: "@img/colour",
      version: "1.1.0",
      integrity:
        "sha512-Td76q7j57o/tLVdgS746cYARfSyxk8iEfRxewL9h4OMzYhbW4TAcppl0mT4eyqXddh6L/jwoM75mo7ixa/pCeQ==",
    },
    {
      name: "@img/sharp-linux-x64",
      version: "0.35.5",
      integrity:
        "sha512-SxFtLTeJInhAA9Q836kux2vZNeOBQEx658qvbboZScr0wIARym3IcGmW7KpVD5sbVg0Ojy+udFQdayYIZyoNog==",
    },
    {
      name: "@img/sharp-libvips-linux-x64",
      version: "1.3.4",
      integrity:
        "sha512-GJ//SSXbnwSDes02umB3nDJLFcQzw8a18V8fyhqr6tV515tOEMdImjjxj1AoafMRz56F3PHgftnj1QEKSU1zkw==",
    },
    {
      name: "detect-libc",
      version: "2.1.2",
      integrity:
        "sha512-Btj2BOOO83o3WyH59e8MgXsxEQVcarkUOpEYrubB0urwnN10yQ364rsiByU11nZlqWYZm05i/of7io4mzihBtQ==",
    },
    {
      name: "semver",
      version: "7.8.6",
      integrity:
        "sha512-9lpSSU4Mly3mrtruwLs1eLK6+gzbzqeBFwRNjIjE+9LuDpWdYctrQlQ3ej1Ilgi7gknpsTRnPoLP8DpCHqHIJw==",
    },
  ],
  digest: "aca4435a5de04fece54fb962ee165a3240e08263ec5149c57157a805720014ca",
};

/**
 * Makes sure that the image library for the servers is there. Takes milliseconds when it is, else some seconds.
 * @throws ToolchainError with a remedy
 */
export async function ensureImageLibrary(options: { onProgress?: Report } = {}): Promise<ImageLibrary> {
  const { version, digest } = imageLibrary;
  const folder = `image-library-${version}-${digest.slice(0, 12)}`;
  const archive = join(toolsDirectory(), folder, `sharp-${version}-linux-x64.tar.gz`);
  if (!existsSync(archive)) {
    const { packImageLibrary } = await import("./pack-archives.js");
    await packImageLibrary(archive, options.onProgress ?? (() => undefined));
  }
  return { archive, digest };
}
