import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/** An object storage in memory, for what a package's resource asks of one: no signature is checked, all of them are wanted. */
export interface BucketServer {
  endpoint: string;
  /** By key. */
  objects: Map<string, { content: Buffer; words: string; modified: string }>;
  /** Method and key of each request that was taken. */
  requests: string[];
  /** Answers to give instead, the next one first: a status, or undefined to do what was asked. */
  refusals: (number | undefined)[];
  close(): void;
}

export async function startBucketServer(bucket: string): Promise<BucketServer> {
  const objects: BucketServer["objects"] = new Map();
  const requests: string[] = [];
  const refusals: BucketServer["refusals"] = [];
  let clock = Date.UTC(2026, 0, 1);

  const list = (prefix: string) =>
    [...objects]
      .filter(([key]) => key.startsWith(prefix))
      .map(
        ([key, { modified }]) =>
          `<Contents><Key>${key}</Key><LastModified>${modified}</LastModified></Contents>`,
      )
      .join("");

  /** The status, and what the answer holds. */
  function act(request: IncomingMessage, url: URL, body: Buffer): [number, string?, Record<string, string>?] {
    const refusal = refusals.shift();
    if (refusal) return [refusal, "<Error><Code>Refused</Code><Message>By the test</Message></Error>"];
    const digest = createHash("sha256").update(body).digest("hex");
    if (!request.headers.authorization?.includes("/s3/aws4_request")) return [403];
    if (request.headers["x-amz-content-sha256"] !== digest) return [400];
    if (!url.pathname.startsWith(`/${bucket}/`)) return [404];
    const key = url.pathname.slice(bucket.length + 2);
    requests.push(`${request.method} ${key}`);
    const found = objects.get(key);
    switch (request.method ?? "") {
      case "PUT": {
        clock += 1000;
        const words = String(request.headers["x-amz-meta-objects"] ?? "");
        objects.set(key, { content: body, words, modified: new Date(clock).toISOString() });
        return [200];
      }
      case "HEAD":
        return found ? [200, "", { "x-amz-meta-objects": found.words }] : [404];
      case "DELETE":
        objects.delete(key);
        return [204];
      default:
        return [200, `<ListBucketResult>${list(url.searchParams.get("prefix") ?? "")}</ListBucketResult>`];
    }
  }

  const respond = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? "", "http://storage");
    const [status, answer = "", headers = {}] = act(request, url, await buffer(request));
    response.writeHead(status, headers).end(answer);
  };
  const server = createServer((request, response) => void respond(request, response));
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    objects,
    requests,
    refusals,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
