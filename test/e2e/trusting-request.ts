import type { IncomingHttpHeaders } from "node:http";
import { request } from "node:https";

export interface Answer {
  status: number;
  body: string;
  headers: IncomingHttpHeaders;
}

/** Asks for an address, trusting one authority alone. @param ca its PEM */
export function askTrusting(
  ca: string,
  address: string,
  { body: sent, ...options }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request(address, { ca, agent: false, ...options }, (answer) => {
      let body = "";
      answer.setEncoding("utf8");
      answer.on("data", (part: string) => (body += part));
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body, headers: answer.headers }));
    });
    asking.on("error", reject);
    asking.end(sent);
  });
}
