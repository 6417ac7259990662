import type { Problem } from "./schema.js";
import { fromJson, isEncrypted, isRecord } from "./structured.js";

/** How sign-in codes reach merchants: into the app's log, or to a provider's webhook. */
export type SmsSettings = "log" | { url: string; secret: string };

const path = "dukaan:sms";
const example = '{"url": "https://sms.example.com/dukaan"}';
const setSecret =
  "Set DUKAAN_SMS_WEBHOOK_SECRET, or run `pulumi config set --secret --path dukaan:sms.secret`; make one with: echo whsec_$(openssl rand -base64 32)";

/**
 * Checks `dukaan:sms`. The secret is never repeated.
 * @param given an object; or text, as Pulumi hands structured settings over; or `log`
 * @param local on the local cloud, where codes are logged unless something else is said
 */
export function parseSms(
  given: unknown,
  { local }: { local: boolean },
): { sms?: SmsSettings; problems: Problem[] } {
  if (given === "log" || (given === undefined && local)) return { sms: "log", problems: [] };
  const value = typeof given === "string" ? fromJson(given) : given;
  if (!isRecord(value)) {
    const reason =
      given === undefined
        ? "is missing: merchants could not sign in without a code"
        : "is neither an object nor log";
    const remedy = `Set it to the webhook of an SMS provider, e.g. ${example}; or say "log" to write codes to the app's log, where whoever reads it can sign in as anybody.`;
    return { problems: [{ path, reason, remedy }] };
  }
  const { url, secret, ...others } = value;
  const problems: Problem[] = Object.keys(others).map((name) => ({
    path: `${path}.${name}`,
    reason: "is not a setting; there are url, secret",
    remedy: "Remove it.",
  }));
  const whyUrl = whyNoUrl(url);
  if (whyUrl !== undefined) {
    const remedy = `Give the https address that takes messages, without a password in it, e.g. ${example}.`;
    problems.push({ path: `${path}.url`, reason: whyUrl, remedy });
  }
  const whySecret = whyNoSecret(secret);
  if (whySecret !== undefined)
    problems.push({ path: `${path}.secret`, reason: whySecret, remedy: setSecret });
  if (problems.length > 0 || typeof url !== "string") return { problems };
  // Where it is still encrypted, nobody needs its value: settings are only checked then.
  return { sms: { url, secret: typeof secret === "string" ? secret : "" }, problems };
}

function whyNoUrl(url: unknown): string | undefined {
  if (url === undefined) return "is missing";
  if (typeof url !== "string" || !URL.canParse(url)) return "is not an address";
  const { protocol, username, password } = new URL(url);
  if (username !== "" || password !== "") return "has a user or password in it";
  return protocol === "https:" ? undefined : `begins with ${protocol} and not https:`;
}

function whyNoSecret(secret: unknown): string | undefined {
  if (secret === undefined) return "is missing";
  if (isEncrypted(secret)) return undefined;
  const encoded = typeof secret === "string" ? /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret)?.[1] : undefined;
  const length = encoded === undefined ? 0 : Buffer.from(encoded, "base64").length;
  // Standard Webhooks, "Signature scheme".
  return length >= 24 && length <= 64 ? undefined : "is not whsec_ and 24 to 64 bytes in base64";
}
