import { createHmac, randomUUID } from "node:crypto";
import type { FastifyBaseLogger } from "fastify";
import type { SmsGateway } from "./gateway.js";

/** How long a try may take, in milliseconds: a person waits for the page. */
const TIMEOUT = 5_000;

/** No provider took the message over. */
export class SmsNotSent extends Error {
  override name = "SmsNotSent";
}

/**
 * Hands messages to a provider, or to a small adapter before one, as `POST` of
 * `{"type":"sign-in-code","to":"+91…","code":"123456","expiresInSeconds":300}`. Signed as Standard Webhooks says
 * (https://www.standardwebhooks.com): `webhook-id` stays the same when a message is sent again and so tells doubles apart,
 * `webhook-timestamp` is in seconds, `webhook-signature` covers both and the body. Any 2xx means that it was taken over.
 */
export class Webhook implements SmsGateway {
  readonly #key: Buffer;

  constructor(
    readonly settings: { url: string; secret: string },
    readonly logger: FastifyBaseLogger,
    readonly timeoutMillis = TIMEOUT,
  ) {
    this.#key = Buffer.from(settings.secret.replace(/^whsec_/, ""), "base64");
  }

  async sendCode(phone: string, code: string): Promise<void> {
    const id = randomUUID();
    const body = JSON.stringify({ type: "sign-in-code", to: phone, code, expiresInSeconds: 300 });
    const status = await this.#post(id, body).catch(async (error: unknown) => {
      if (!isConnectionFailure(error)) throw this.#notSent(id, error);
      return await this.#post(id, body).catch((second: unknown) => {
        throw this.#notSent(id, second);
      });
    });
    if (status < 200 || status > 299) throw this.#notSent(id, new Error(`it answered ${status}`));
  }

  async #post(id: string, body: string): Promise<number> {
    const timestamp = String(Math.floor(Date.now() / 1000));
    const signature = createHmac("sha256", this.#key).update(`${id}.${timestamp}.${body}`).digest("base64");
    const response = await fetch(this.settings.url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": `v1,${signature}`,
      },
      body,
      // Codes go where the settings say and nowhere else.
      redirect: "manual",
      signal: AbortSignal.timeout(this.timeoutMillis),
    });
    await response.body?.cancel();
    return response.status;
  }

  /** Neither the code nor the number stands in the log; the id is what a provider can be asked about. */
  #notSent(id: string, error: unknown): SmsNotSent {
    const reason = describe(error);
    this.logger.error({ messageId: id, reason }, "the SMS gateway did not take a message");
    return new SmsNotSent(reason);
  }
}

/** The request did not reach the provider, or its connection broke: sending it again is safe under the same id. */
function isConnectionFailure(error: unknown): boolean {
  return error instanceof TypeError && error.cause instanceof Error;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  if (!(error.cause instanceof Error)) return error.message;
  const code = "code" in error.cause ? String(error.cause.code) : "";
  return [code, error.cause.message].filter(Boolean).join(": ");
}
