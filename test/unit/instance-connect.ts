import { createHash, createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { type AddressInfo, type Socket, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type WebSocket, WebSocketServer, createWebSocketStream } from "ws";
import { createAuthority, createServerCertificate } from "../../providers/dukaan/x509.js";
import type { InstanceConnectEndpoint } from "../../src/aws/tunnel.js";

/** The access that the test's endpoint knows: that of AWS's own examples. */
export const awsKeys = {
  AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
  AWS_SECRET_ACCESS_KEY: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  AWS_SESSION_TOKEN: "IQoJb3JpZ2luX2VjEXAMPLE//token+with=signs",
};

/** An endpoint as AWS has it, as far as its public behaviour is known, on loopback. */
export interface TestEndpoint {
  endpoint: InstanceConnectEndpoint;
  /** What our side needs in its environment. */
  env: Record<string, string>;
  /** Where private addresses lead, by `address:port`. */
  readonly leads: Map<string, { host: string; port: number }>;
  /** Tunnels that are open. */
  readonly open: Set<WebSocket>;
  /** All requests with a good signature. */
  readonly asked: URLSearchParams[];
  /** Answers the next requests with this instead. */
  refuse?: { status: number; body: string } | undefined;
  close(): void;
}

const endpointId = "eice-0123456789abcdef0";
const region = "us-east-1";

export async function startEndpoint(): Promise<TestEndpoint> {
  const folder = mkdtempSync(join(tmpdir(), "dukaan-endpoint-"));
  const now = Date.now();
  const authority = await createAuthority({ commonName: "test", validityDays: 1, now });
  const issued = await createServerCertificate({
    caCertificate: authority.certificate,
    caPrivateKey: authority.privateKey,
    commonName: "endpoint",
    dnsNames: ["localhost"],
    ipAddresses: ["127.0.0.1"],
    validityDays: 1,
    now,
  });
  const bundle = join(folder, "ca.pem");
  writeFileSync(bundle, authority.certificate);
  const server = createServer({ cert: issued.certificate, key: issued.privateKey });
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 65_000 });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const dnsName = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const made: TestEndpoint = {
    endpoint: { endpointId, dnsName, region },
    env: { ...awsKeys, AWS_CA_BUNDLE: bundle },
    leads: new Map(),
    open: new Set(),
    asked: [],
    close() {
      for (const socket of this.open) socket.terminate();
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true });
    },
  };
  server.on("upgrade", (request, socket: Socket, head) => {
    socket.on("error", () => {});
    const url = new URL(request.url ?? "", `https://${request.headers.host}`);
    const { status, body } = made.refuse ?? judge(request.method ?? "", url, dnsName);
    if (status !== 101) {
      socket.end(
        `HTTP/1.1 ${status} No\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
      );
      return;
    }
    made.asked.push(url.searchParams);
    sockets.handleUpgrade(request, socket, head, (tunnel) => lead(made, tunnel, url.searchParams));
  });
  return made;
}

function lead({ leads, open }: TestEndpoint, tunnel: WebSocket, asked: URLSearchParams): void {
  open.add(tunnel);
  tunnel.once("close", () => open.delete(tunnel));
  const target = leads.get(`${asked.get("privateIpAddress")}:${asked.get("remotePort")}`);
  // AWS upgrades first; that nothing answers shows afterwards.
  if (!target) {
    tunnel.close(1011, "Unable to connect to target");
    return;
  }
  const stream = createWebSocketStream(tunnel);
  const socket = connect(target);
  stream.on("error", () => socket.destroy());
  socket.on("error", () => tunnel.close(1011, "Target connection lost"));
  stream.pipe(socket).pipe(stream);
}

/** Signature Version 4 in a query, worked out from AWS's documentation and not by the library that signs. */
function judge(method: string, url: URL, host: string): { status: number; body: string } {
  const query = url.searchParams;
  const refused = (message: string) => ({ status: 403, body: JSON.stringify({ Message: message }) });
  const [key, date = "", inRegion = "", service = "", end] = (query.get("X-Amz-Credential") ?? "").split("/");
  const time = query.get("X-Amz-Date") ?? "";
  if (method !== "GET" || url.pathname !== "/openTunnel") return { status: 404, body: "no such thing" };
  if (key !== awsKeys.AWS_ACCESS_KEY_ID) return refused(`no such key: ${key}`);
  if (query.get("X-Amz-Security-Token") !== awsKeys.AWS_SESSION_TOKEN) return refused("another session");
  if (
    `${inRegion}/${service}/${end}` !== `${region}/ec2-instance-connect/aws4_request` ||
    !time.startsWith(date)
  )
    return refused("signed for something else");
  if (query.get("X-Amz-Algorithm") !== "AWS4-HMAC-SHA256" || query.get("X-Amz-SignedHeaders") !== "host")
    return refused("signed in another way");
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(time)?.map(Number) ?? [];
  const age = (Date.now() - Date.UTC(year!, month! - 1, day, hour, minute, second)) / 1000;
  if (!(age > -5 && age < Number(query.get("X-Amz-Expires"))) || Number(query.get("X-Amz-Expires")) > 60)
    return refused("Signature expired");
  const encode = (text: string) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const parameters = [...query].filter(([name]) => name !== "X-Amz-Signature");
  const canonical = [
    "GET",
    "/openTunnel",
    parameters
      .map(([name, value]) => `${encode(name)}=${encode(value)}`)
      .sort()
      .join("&"),
    `host:${host}`,
    "",
    "host",
    createHash("sha256").update("").digest("hex"),
  ].join("\n");
  const digest = createHash("sha256").update(canonical).digest("hex");
  const scope = [date, inRegion, service, "aws4_request"];
  let signing = Buffer.from(`AWS4${awsKeys.AWS_SECRET_ACCESS_KEY}`);
  for (const part of [...scope, ["AWS4-HMAC-SHA256", time, scope.join("/"), digest].join("\n")])
    signing = createHmac("sha256", signing).update(part).digest();
  if (signing.toString("hex") !== query.get("X-Amz-Signature"))
    return refused("the signature does not match");
  if (query.get("instanceConnectEndpointId") !== endpointId) return { status: 404, body: "no such endpoint" };
  return { status: 101, body: "" };
}

/** What no test may find outside of it: the caller's own credentials, and those of an instance that this may run on. */
export function noCredentialsIn(home: string): Record<string, string | undefined> {
  return {
    HOME: home,
    AWS_ACCESS_KEY_ID: undefined,
    AWS_SECRET_ACCESS_KEY: undefined,
    AWS_SESSION_TOKEN: undefined,
    AWS_PROFILE: undefined,
    AWS_CONFIG_FILE: join(home, "config"),
    AWS_SHARED_CREDENTIALS_FILE: join(home, "credentials"),
    AWS_EC2_METADATA_DISABLED: "true",
  };
}
