// A server that does nothing but send: every request gets the same status, header fields and body. Started with a path
// of a Unix socket and a file that holds them as JSON; what any Node.js server costs at least.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const [socket, file] = process.argv.slice(2);
const { headers, body: text } = JSON.parse(readFileSync(file!, "utf8")) as {
  headers: [name: string, value: string][];
  body: string;
};
const body = Buffer.from(text);

createServer({ keepAliveTimeout: 75_000 }, (_request, response) => {
  for (const [name, value] of headers) response.setHeader(name, value);
  response.end(body);
}).listen(socket);
