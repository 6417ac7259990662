import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { Duplex } from "node:stream";
import { AwsV4Signer } from "aws4fetch";
import { WebSocket } from "ws";
import { awsCredentials } from "./credentials.js";
import { AwsError } from "./error.js";

/** An EC2 Instance Connect Endpoint: a door into a network on AWS. */
export interface InstanceConnectEndpoint {
  /** e.g. "eice-0123456789abcdef0" */
  endpointId: string;
  /** e.g. "eice-0123456789abcdef0.1a2b3c4d.ec2-instance-connect-endpoint.us-east-1.amazonaws.com" */
  dnsName: string;
  /** e.g. "us-east-1" */
  region: string;
}

/** A place behind the door. */
export interface TunnelTarget {
  /** A private IPv4 address. */
  address: string;
  /** AWS opens 22 and 3389 alone. */
  port: number;
}

/** AWS ends a tunnel after this time whatever is asked, in seconds. */
const longest = 3600;
/** For how long an address that was signed opens a tunnel, in seconds; AWS's own tool says the same. */
const signatureSeconds = 60;
const handshakeMilliseconds = 15_000;
/** AWS's own tool sends no more in one message, in bytes. */
const mostPerMessage = 65_000;

/**
 * Opens a tunnel to a machine: a WebSocket to the endpoint whose address is signed with the caller's credentials, as
 * `aws ec2-instance-connect open-tunnel` does it. What is written arrives at the port, what the port says is read.
 * Honours AWS_CA_BUNDLE.
 * @throws AwsError
 */
export async function openTunnel(
  endpoint: InstanceConnectEndpoint,
  target: TunnelTarget,
  signal?: AbortSignal,
): Promise<Duplex> {
  const address = await signedAddress(endpoint, target);
  const bundle = process.env["AWS_CA_BUNDLE"];
  const ca = bundle ? await readFile(bundle) : undefined;
  signal?.throwIfAborted();
  const socket = new WebSocket(address, {
    perMessageDeflate: false,
    handshakeTimeout: handshakeMilliseconds,
    ...(ca && { ca }),
  });
  const tunnel = new Tunnel(socket, `the tunnel to ${target.address} through ${endpoint.endpointId}`);
  return new Promise((resolve, reject) => {
    const abort = () => tunnel.destroy(signal?.reason as Error);
    signal?.addEventListener("abort", abort, { once: true });
    const settle = () => {
      signal?.removeEventListener("abort", abort);
      tunnel.removeListener("error", fail);
    };
    const fail = (error: Error) => {
      settle();
      reject(error instanceof AwsError || signal?.aborted ? error : unreachable(endpoint, error));
    };
    tunnel.once("error", fail);
    socket.once("unexpected-response", (request, response) => {
      const refuse = async () => {
        const body = await bodyOf(response);
        request.destroy();
        tunnel.destroy(refusal(endpoint, target, response.statusCode ?? 0, body));
      };
      void refuse();
    });
    socket.once("open", () => {
      settle();
      resolve(tunnel);
    });
  });
}

/** Secret for as long as it is good. */
async function signedAddress(
  { endpointId, dnsName, region }: InstanceConnectEndpoint,
  { address, port }: TunnelTarget,
): Promise<URL> {
  const url = new URL(`wss://${dnsName}/openTunnel`);
  const parameters = {
    instanceConnectEndpointId: endpointId,
    remotePort: String(port),
    privateIpAddress: address,
    maxTunnelDuration: String(longest),
    "X-Amz-Expires": String(signatureSeconds),
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  const credentials = await awsCredentials();
  const signer = new AwsV4Signer({
    ...credentials,
    url: url.href,
    method: "GET",
    service: "ec2-instance-connect",
    region,
    signQuery: true,
  });
  return (await signer.sign()).url;
}

/** A WebSocket as a stream of bytes: with back pressure in both directions, and an error where it does not end in order. */
class Tunnel extends Duplex {
  constructor(
    private readonly socket: WebSocket,
    what: string,
  ) {
    // A WebSocket ends in both directions at once.
    super({ allowHalfOpen: false });
    socket.on("message", (data, isBinary) => {
      if (!isBinary) this.destroy(new Error(`${what} brought text where bytes were expected`));
      else if (!this.push(data)) socket.pause();
    });
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", (code, reason) => {
      // 1000: in order. 1005: in order, by somebody who gives no code (RFC 6455, 7.4.1).
      if (code === 1000 || code === 1005 || this.writableEnded) this.push(null);
      else this.destroy(new Error(`${what} was cut: ${reason.toString() || `code ${code}`}`));
    });
  }

  override _read(): void {
    this.socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const last = Math.floor(Math.max(0, chunk.length - 1) / mostPerMessage) * mostPerMessage;
    for (let at = 0; at < last; at += mostPerMessage)
      this.socket.send(chunk.subarray(at, at + mostPerMessage), { binary: true });
    this.socket.send(chunk.subarray(last), { binary: true }, done);
  }

  override _final(done: () => void): void {
    this.socket.close(1000);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.socket.terminate();
    done(error);
  }
}

/** What a refusal says, as far as it fits into an error. */
async function bodyOf(response: IncomingMessage): Promise<string> {
  let text = "";
  try {
    for await (const chunk of response.setEncoding("utf8")) {
      text += String(chunk);
      if (text.length > 500) break;
    }
  } catch {
    // Cut off: what came is said.
  }
  return text.replace(/\s+/g, " ").trim().slice(0, 500);
}

function refusal(
  { endpointId, region }: InstanceConnectEndpoint,
  { address, port }: TunnelTarget,
  status: number,
  body: string,
): AwsError {
  const what = `the endpoint ${endpointId} in ${region} opens no tunnel to ${address} port ${port}: HTTP ${status}${body && `, ${body}`}`;
  if (status === 401 || status === 403) {
    return new AwsError(
      what,
      "Your identity (aws sts get-caller-identity) needs ec2-instance-connect:OpenTunnel for this endpoint, port and address; docs/aws.md has a policy. " +
        "Where that is so: is this computer's clock right?",
      true,
    );
  }
  return new AwsError(
    what,
    "See that the endpoint is there and ready (aws ec2 describe-instance-connect-endpoints) and that the instance runs. An endpoint has 20 tunnels at a time. ./dukaan up makes anew what is gone.",
    // It may pass: an endpoint or a machine that is being made, too many tunnels at a time.
    false,
  );
}

function unreachable({ dnsName }: InstanceConnectEndpoint, error: Error): AwsError {
  return new AwsError(
    `the endpoint ${dnsName} is not reached: ${error.message || error.name}`,
    "Check this computer's network (HTTPS to AWS; behind a proxy with an own authority: AWS_CA_BUNDLE), and that the endpoint is still there: aws ec2 describe-instance-connect-endpoints.",
    false,
    { cause: error },
  );
}
