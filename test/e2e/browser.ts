import { createHash, X509Certificate } from "node:crypto";
import type { Browser, BrowserContext } from "playwright-core";
import { launchChromium } from "../chromium.js";

/**
 * Headless Chromium that accepts every certificate signed by the stack's own authority, whatever its names and dates:
 * those are held against what Node.js thinks of them, by the tests that ask without a browser.
 * @param ca PEM of the authority
 * @param rules where names lead, such as `MAP shop.test 127.0.0.1:4433`
 */
export async function openBrowser(
  ca: string,
  rules = "",
): Promise<{ browser: Browser; context: BrowserContext }> {
  const key = new X509Certificate(ca).publicKey.export({ type: "spki", format: "der" });
  const browser = await launchChromium([
    `--host-resolver-rules=${rules}`,
    `--ignore-certificate-errors-spki-list=${createHash("sha256").update(key).digest("base64")}`,
  ]);
  const context = await browser.newContext({
    javaScriptEnabled: false,
    viewport: { width: 420, height: 860 },
  });
  return { browser, context };
}
