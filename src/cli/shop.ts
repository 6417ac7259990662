import { request } from "node:https";
import { rootCertificates } from "node:tls";
import { CliError } from "./errors.js";

/** The outputs of a stack that commands read. */
export interface ShopOutputs {
  /** Where the shop is, e.g. "https://203.0.113.10". */
  url: string;
  stage: string;
  release: string;
  /** Digest of the bundle that the app stays at since a rollback. */
  held?: string;
  /** Groups of machines that the provider starts by itself, beside those that a command reaches. */
  groups?: readonly string[];
  /** PEM of the local certificate authority; absent where a public one signs. */
  caCertificate?: string;
  /** One ssh target a machine, e.g. `{ "shop-1": "root@203.0.113.10" }`. */
  ssh: Record<string, string>;
}

/**
 * Asks the shop over the public way (name, TLS, nginx, app, database) whether it is ready, which release serves, and for
 * its home page.
 * @throws CliError when it does not answer 200 within `timeoutSeconds`, or another release serves than the stack's
 */
export async function smokeTest(shop: ShopOutputs, timeoutSeconds = 15): Promise<void> {
  const deadline = performance.now() + timeoutSeconds * 1000;
  let last = "no answer";
  while (performance.now() < deadline) {
    try {
      const { status, body } = await get(`${shop.url}/readyz`, shop.caCertificate);
      if (status === 200) {
        compareRelease(shop, body);
        // Ready says that the database answers; a page, that buyers get one.
        const home = await get(shop.url, shop.caCertificate);
        if (home.status === 200) return;
        last = `its home page answers with status ${home.status}`;
      } else last = `status ${status}`;
    } catch (error) {
      if (error instanceof CliError) throw error;
      last = (error as Error).message;
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new CliError(
    `the shop at ${shop.url} was not ready within ${timeoutSeconds} s: ${last}`,
    "Look at the app's journal: ./dukaan ssh app-1 -- journalctl -u 'dukaan-api@*' -n 50",
  );
}

/** A release that ended soon after it was deployed is left by its machine for the one before it. */
function compareRelease(shop: ShopOutputs, body: string): void {
  const { release = shop.release } = JSON.parse(body) as { release?: string };
  if (release === shop.release) return;
  throw new CliError(
    `the shop is open, but release ${release} serves it and not ${shop.release}: its server went back by itself`,
    [
      "Why: ./dukaan ssh app-1 -- cat /opt/dukaan/releases/api/.failed",
      "Then deploy a corrected release with ./dukaan up, or stay at this one with ./dukaan rollback,",
      "or try the same one again with ./dukaan up --release latest.",
    ].join("\n"),
  );
}

function get(url: string, ca: string | undefined): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asking = request(
      url,
      // A public authority may have signed, or the stack's own one until then.
      { ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }), timeout: 5_000, agent: false },
      (answer) => {
        let body = "";
        answer.setEncoding("utf8");
        answer.on("data", (part: string) => (body += part));
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body }));
      },
    );
    asking.on("timeout", () => asking.destroy(new Error("no answer within 5 s")));
    asking.on("error", reject);
    asking.end();
  });
}
