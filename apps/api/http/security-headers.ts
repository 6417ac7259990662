/** What a page may load and do: nothing but what stands here. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "img-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join(";");

/** Half a year, in seconds. */
const STRICT_TRANSPORT = 180 * 24 * 60 * 60;

/** Header fields of every answer; made once, since they are the same for all of them. */
export function securityHeaders(publicUrl: string): Readonly<Record<string, string>> {
  return {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    // "no-referrer" would turn the Origin of our own forms into "null".
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    ...(publicUrl.startsWith("https:") && { "strict-transport-security": `max-age=${STRICT_TRANSPORT}` }),
  };
}
