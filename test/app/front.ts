import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream";
import { createGzip } from "node:zlib";
import { serverCertificate } from "../../local/storage/certificate.js";
import type { App } from "../../apps/api/http/app.js";
import { openBrowser } from "../e2e/browser.js";
import { PUBLIC_URL } from "./shop.js";

/** What nginx.conf compresses, and how well. */
const COMPRESSED = /^(text\/(html|css|plain)|application\/(javascript|json)|image\/svg\+xml)\b/;
const LEVEL = 4;

/**
 * A browser that reaches the service under its public address. Between them stands what nginx does on a machine: TLS, so
 * that cookies are bound to it, compression, and the visitor's address.
 */
export async function openFrontedBrowser(app: App) {
  const directory = mkdtempSync(join(tmpdir(), "dukaan-front-"));
  const socketPath = join(directory, "api.sock");
  await app.listen({ path: socketPath });

  const { authority, chain, privateKey } = await serverCertificate("Tests of pages", "127.0.0.1");
  const front = createServer({ cert: chain, key: privateKey }, (incoming, outgoing) => {
    const { method, url: path, headers } = incoming;
    const upstream = request(
      { socketPath, method, path, headers: { ...headers, "x-forwarded-for": "192.0.2.1" } },
      (answer) => {
        const { "content-length": _length, ...fields } = answer.headers;
        const compressed = COMPRESSED.test(fields["content-type"] ?? "");
        outgoing.writeHead(answer.statusCode!, {
          ...(compressed ? { ...fields, "content-encoding": "gzip" } : answer.headers),
        });
        pipeline([answer, ...(compressed ? [createGzip({ level: LEVEL })] : []), outgoing], () => undefined);
      },
    );
    upstream.on("error", () => outgoing.destroy());
    incoming.pipe(upstream);
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  const { port } = front.address() as AddressInfo;

  const { hostname } = new URL(PUBLIC_URL);
  const { browser, context } = await openBrowser(authority, `MAP ${hostname} 127.0.0.1:${port}`);
  return {
    browser,
    context,
    close: async () => {
      await browser.close();
      front.closeAllConnections();
      await new Promise((resolve) => front.close(resolve));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
