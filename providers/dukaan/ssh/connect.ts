import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Duplex } from "node:stream";
import ssh2, { type Client, type ServerHostKeyAlgorithm } from "ssh2";
import { AwsError } from "../../../src/aws/error.js";
import type { InstanceConnectEndpoint } from "../../../src/aws/tunnel.js";
import { ProviderError } from "../resource.js";

/** Where a machine answers and how both sides prove who they are. */
export interface Endpoint {
  host: string;
  port: number;
  user: string;
  /** `ssh-ed25519 AAAA…` */
  hostKey: string;
  /** OpenSSH PEM. */
  privateKey: string;
  /** The door through which `host` is reached; absent: directly. */
  tunnel?: InstanceConnectEndpoint;
}

export interface Patience {
  /** How long to go on trying while the machine does not answer. */
  seconds: number;
  /** The machine may still be starting: its keys may not be in place when SSH first answers. */
  booting: boolean;
  signal: AbortSignal;
  /** Called once when the first attempt failed, with the reason. */
  onWait(reason: string): void;
}

/**
 * There is no way into the machine: nobody answers, it refuses the key, or shows another host key. Says nothing about
 * whether the server exists.
 */
export class NoAccessError extends ProviderError {}

/**
 * Logs in. Tries again while nobody answers; a machine with another host key is refused at once.
 * @throws NoAccessError
 */
export async function connect(endpoint: Endpoint, patience: Patience): Promise<Client> {
  const start = performance.now();
  const elapsed = () => (performance.now() - start) / 1000;
  // While booting, a refused login may mean that cloud-init has not installed the key yet.
  const loginPatience = patience.booting ? Math.min(patience.seconds, 30) : 0;
  for (let attempt = 0; ; attempt++) {
    patience.signal.throwIfAborted();
    try {
      return await attemptLogin(endpoint, patience.signal);
    } catch (error) {
      const reason = classify(error);
      const limit = reason === "login refused" ? loginPatience : patience.seconds;
      if (reason === "other host key" || reason === "no way in" || elapsed() >= limit)
        throw explain(endpoint, error, elapsed(), patience.booting);
      if (attempt === 0) patience.onWait(error instanceof Error ? error.message : String(error));
      await sleep(Math.min(250 * 1.3 ** attempt, 2000), undefined, { signal: patience.signal }).catch(
        () => {},
      );
    }
  }
}

class HostKeyError extends Error {
  constructor(readonly shown: Buffer | undefined) {
    super("the host key differs");
  }
}

async function attemptLogin(endpoint: Endpoint, signal: AbortSignal): Promise<Client> {
  const sock = await openWay(endpoint, signal);
  const [keyType = "", keyText = ""] = endpoint.hostKey.trim().split(/\s+/);
  const expected = Buffer.from(keyText, "base64");
  const client = new ssh2.Client();
  let shown: Buffer | undefined;
  const login = new Promise<Client>((resolve, reject) => {
    const onAbort = () => {
      client.destroy();
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    const settle = () => signal.removeEventListener("abort", onAbort);
    client.once("ready", () => {
      settle();
      client.removeAllListeners("error").on("error", () => {}); // later ones show as a closed connection
      resolve(client);
    });
    client.once("close", () => reject(new Error("the connection was closed before the login")));
    // One failure may be told twice (a reset, then the connection's end); an error that nobody hears ends the process.
    client.on("error", (error: Error & { level?: string }) => {
      settle();
      client.destroy();
      const otherType = error.level === "handshake" && /no matching host key format/.test(error.message);
      reject((shown && !shown.equals(expected)) || otherType ? new HostKeyError(shown) : error);
    });
    client.connect({
      ...(sock ? { sock } : { host: endpoint.host, port: endpoint.port }),
      username: endpoint.user,
      privateKey: endpoint.privateKey,
      hostVerifier: (key: Buffer) => {
        shown = key;
        return key.equals(expected);
      },
      algorithms: {
        serverHostKey: hostKeyAlgorithms[keyType] ?? [],
        // The ones that OpenSSL does in hardware; ssh2's chacha20 is many times slower.
        cipher: ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr"],
      },
      readyTimeout: 15_000,
      keepaliveInterval: 10_000,
      keepaliveCountMax: 3,
    });
  });
  login.catch(() => sock?.destroy());
  return login;
}

/** What leads to a machine behind a door; undefined: nothing is in between. */
async function openWay({ host, port, tunnel }: Endpoint, signal: AbortSignal): Promise<Duplex | undefined> {
  if (!tunnel) return undefined;
  const { openTunnel } = await import("../../../src/aws/tunnel.js");
  return openTunnel(tunnel, { address: host, port }, signal);
}

/** The signatures that prove a key of a type. An RSA key signs with SHA-2 today; its type still says `ssh-rsa`. */
const hostKeyAlgorithms: Record<string, ServerHostKeyAlgorithm[]> = {
  "ssh-ed25519": ["ssh-ed25519"],
  "ssh-rsa": ["rsa-sha2-512", "rsa-sha2-256"],
  "ecdsa-sha2-nistp256": ["ecdsa-sha2-nistp256"],
  "ecdsa-sha2-nistp384": ["ecdsa-sha2-nistp384"],
  "ecdsa-sha2-nistp521": ["ecdsa-sha2-nistp521"],
};

function classify(error: unknown): "other host key" | "login refused" | "no way in" | "no answer" {
  if (error instanceof HostKeyError) return "other host key";
  if (error instanceof AwsError && error.final) return "no way in";
  const level = error instanceof Error && "level" in error ? error.level : undefined;
  return level === "client-authentication" ? "login refused" : "no answer";
}

function explain(endpoint: Endpoint, error: unknown, seconds: number, booting: boolean): NoAccessError {
  const { host, port, user, hostKey } = endpoint;
  if (error instanceof HostKeyError) {
    const expected = fingerprint(Buffer.from(hostKey.trim().split(/\s+/)[1] ?? "", "base64"));
    const shown = error.shown ? fingerprint(error.shown) : "a key of another type";
    return new NoAccessError(
      `${host} port ${port} shows another host key than the one recorded: ${shown} instead of ${expected}. ` +
        "Nothing was sent to it. Either another machine answers at this address, or the machine's key was changed; " +
        "check the server in the cloud's console before you trust it." +
        (booting
          ? " If the server is new, its cloud-init most likely could not read its user-data, which holds that key: what it says is in /var/log/cloud-init.log " +
            "(in the cloud's console; on the local cloud: ./dukaan local ssh <server>). When that is corrected: ./dukaan rebuild <machine>."
          : ""),
    );
  }
  const message = error instanceof Error ? error.message : String(error);
  if (classify(error) === "login refused")
    return new NoAccessError(
      `${host} port ${port} refuses the deploy key for ${user} (${message}). ` +
        `Check /root/.ssh/authorized_keys and PermitRootLogin on the machine, and that its cloud-init finished.`,
    );
  const tried = `(tried for ${Math.round(seconds)} s)`;
  if (error instanceof AwsError)
    return new NoAccessError(`cannot reach ${host} port ${port}: ${message} ${tried}. ${error.remedy}`);
  if (endpoint.tunnel)
    return new NoAccessError(
      `cannot reach ${host} port ${port} through ${endpoint.tunnel.endpointId}: ${message} ${tried}. ` +
        "Check that the instance runs, that this is its private address, and that its security group and its own firewall let the endpoint in on that port.",
    );
  return new NoAccessError(
    `cannot reach ${host} port ${port}: ${message} ${tried}. ` +
      "Check that the server exists and runs, that this is its address, and that its firewall lets this computer in on that port.",
  );
}

function fingerprint(key: Buffer): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}
