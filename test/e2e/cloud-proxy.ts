import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/**
 * Stands before a cloud and changes the user data of each server that is asked for: what a person's mistake in it does,
 * without a place for mistakes in the program.
 * @param endpoint e.g. "http://127.0.0.1:8470/v1"
 */
export async function startCloudProxy(
  endpoint: string,
  change: (userData: string) => string,
): Promise<{ endpoint: string; close: () => void }> {
  const { origin, pathname } = new URL(endpoint);
  const proxy = createServer((request, response) => {
    const forward = async () => {
      const sent = await text(request);
      const body =
        request.method === "POST" && request.url === `${pathname}/servers`
          ? withUserData(sent, change)
          : sent;
      const { authorization = "", "content-type": type = "application/json" } = request.headers;
      const answer = await fetch(`${origin}${request.url}`, {
        method: request.method ?? "GET",
        headers: { authorization, "content-type": type },
        ...(body !== "" && { body }),
      });
      response.writeHead(answer.status, { "content-type": "application/json" });
      response.end(await answer.text());
    };
    forward().catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const { port } = proxy.address() as AddressInfo;
  return { endpoint: `http://127.0.0.1:${port}${pathname}`, close: () => proxy.close() };
}

function withUserData(body: string, change: (userData: string) => string): string {
  const server = JSON.parse(body) as { user_data: string };
  return JSON.stringify({ ...server, user_data: change(server.user_data) });
}

/** User data with a second part that is no YAML; cloud-init takes the first and says that it is done. */
export function withBrokenPart(userData: string): string {
  const part = (content: string) => `--==\nContent-Type: text/cloud-config\n\n${content}\n`;
  const broken = "#cloud-config\npackages: [nginx\n  - broken: }{\n";
  return `Content-Type: multipart/mixed; boundary="=="\nMIME-Version: 1.0\n\n${part(userData)}${part(broken)}--==--\n`;
}
