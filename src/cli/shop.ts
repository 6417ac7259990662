import { request } from "node:https";
import { CliError } from "./errors.js";

/** The outputs of a stack that commands read. */
export interface ShopOutputs {
  /** Where the shop is, e.g. "https://203.0.113.10". */
  url: string;
  stage: string;
  release: string;
  /** PEM of the local certificate authority; absent where a public one signs. */
  caCertificate?: string;
  /** One ssh target a machine, e.g. `{ "shop-1": "root@203.0.113.10" }`. */
  ssh: Record<string, string>;
}

/**
 * Asks the shop over the public way (name, TLS, nginx, app, database) whether it is ready.
 * @throws CliError when it does not answer 200 within `timeoutSeconds`
 */
export async function smokeTest(shop: ShopOutputs, timeoutSeconds = 15): Promise<void> {
  const deadline = Date.now() + timeoutSeconds * 1000;
  let last = "no answer";
  while (Date.now() < deadline) {
    try {
      const status = await get(`${shop.url}/readyz`, shop.caCertificate);
      if (status === 200) return;
      last = `status ${status}`;
    } catch (error) {
      last = (error as Error).message;
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new CliError(
    `the shop at ${shop.url} was not ready within ${timeoutSeconds} s: ${last}`,
    "Look at the app's journal: ./dukaan ssh -- journalctl -u 'dukaan-api@*' -n 50",
  );
}

function get(url: string, ca: string | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    const asking = request(
      url,
      { ...(ca === undefined ? {} : { ca }), timeout: 5_000, agent: false },
      (answer) => {
        answer.resume();
        answer.on("end", () => resolve(answer.statusCode ?? 0));
      },
    );
    asking.on("timeout", () => asking.destroy(new Error("no answer within 5 s")));
    asking.on("error", reject);
    asking.end();
  });
}
