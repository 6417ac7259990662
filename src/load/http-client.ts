import {
  Agent as HttpAgent,
  type IncomingHttpHeaders,
  type RequestOptions,
  request as http,
} from "node:http";
import { Agent as HttpsAgent, request as https } from "node:https";

export interface Ask {
  method: "GET" | "POST";
  path: string;
  headers?: Record<string, string>;
  body?: string;
  /** Whether the answer is read as text; otherwise it is taken compressed, as a browser does, and dropped. */
  wantBody?: boolean;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  /** Empty unless wanted. */
  body: string;
}

/** A request without an answer. `kind` is one of few: errors are counted by it. */
export class NoAnswer extends Error {
  override name = "NoAnswer";
  /** @param stale the server had closed the idle connection that the request was sent on, and did not see it */
  constructor(
    readonly kind: string,
    readonly stale = false,
    options?: ErrorOptions,
  ) {
    super(kind, options);
  }
}

export interface HttpClientOptions {
  /** Origin, http or https. */
  url: string;
  /** PEM of the authority that signed the server's certificate; without it the system's are believed. */
  ca?: string;
  /** Connections at most; requests beyond that wait for one, and their waiting counts. */
  connections: number;
}

/** Sends requests over connections that stay open, as browsers do. */
export class HttpClient {
  /** Requests sent again because the server had just closed the idle connection that they were sent on. */
  resent = 0;
  readonly #send: typeof http;
  readonly #agent: HttpAgent;
  readonly #base: RequestOptions;

  constructor({ url, ca, connections }: HttpClientOptions) {
    const { protocol, hostname, port } = new URL(url);
    const pool = { keepAlive: true, maxSockets: connections, maxFreeSockets: connections };
    const secure = protocol === "https:";
    this.#send = secure ? https : http;
    this.#agent = secure
      ? new HttpsAgent({ ...pool, ...(ca !== undefined && { ca }), maxCachedSessions: 10 })
      : new HttpAgent(pool);
    this.#base = { hostname: hostname.replaceAll(/[[\]]/g, ""), agent: this.#agent, ...(port && { port }) };
  }

  /**
   * Sends one request.
   * @param timeoutMs until the whole answer is there
   * @throws NoAnswer
   */
  async send(ask: Ask, timeoutMs: number): Promise<Answer> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      try {
        return await this.#attempt(ask, deadline - performance.now());
      } catch (error) {
        // Browsers send such a request again too.
        if (!(error instanceof NoAnswer && error.stale)) throw error;
        this.resent++;
      }
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #attempt({ method, path, body, headers, wantBody = false }: Ask, timeoutMs: number): Promise<Answer> {
    const allHeaders = {
      "user-agent": "dukaan-load",
      ...(!wantBody && { "accept-encoding": "gzip" }),
      ...(body !== undefined && { "content-length": String(Buffer.byteLength(body)) }),
      ...headers,
    };
    return new Promise((resolve, reject) => {
      let answered = false;
      const fail = (error: Error): void => {
        clearTimeout(timer);
        reject(describe(error, !answered && sent.reusedSocket));
      };
      const sent = this.#send({ ...this.#base, method, path, headers: allHeaders }, (answer) => {
        answered = true;
        let text = "";
        if (wantBody) answer.setEncoding("utf8").on("data", (part: string) => (text += part));
        else answer.resume();
        answer.on("error", fail);
        answer.on("end", () => {
          clearTimeout(timer);
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text });
        });
      });
      const timer = setTimeout(() => sent.destroy(new NoAnswer("timeout")), Math.max(0, timeoutMs));
      sent.on("error", fail);
      sent.end(body);
    });
  }
}

function describe(error: Error, unseen: boolean): NoAnswer {
  if (error instanceof NoAnswer) return error;
  const { code = "" } = error as NodeJS.ErrnoException;
  if (code === "ECONNRESET" || code === "EPIPE")
    return new NoAnswer("connection closed", unseen, { cause: error });
  const kind = code === "ECONNREFUSED" ? "connection refused" : code || error.message;
  return new NoAnswer(kind, false, { cause: error });
}
