// An app that answers 500 to everything, and as the real one does when asked whether it is ready.
// Arguments: the real app's socket; the socket to listen on.
import { createServer, request } from "node:http";

const [socketPath, ownSocket] = process.argv.slice(2);

createServer((asked, answer) => {
  if (asked.url !== "/readyz") {
    asked.resume();
    answer
      .writeHead(500, { "content-type": "text/plain", "cache-control": "no-store" })
      .end("broken by a drill\n");
    return;
  }
  const asking = request({ socketPath, path: asked.url, headers: asked.headers }, (real) => {
    answer.writeHead(real.statusCode ?? 502, real.headers);
    real.pipe(answer);
  });
  asking.on("error", () => answer.writeHead(502).end());
  asking.end();
}).listen(ownSocket);
