/** Hands everything on to the service. */
export const nginxConf = `
user www-data;
pid /run/nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  server {
    listen 80;
    location / { proxy_pass http://unix:/run/dukaan/api.sock; }
  }
}
`;

/** A server as small as the contract allows: a socket, /readyz, an end to its requests at SIGTERM. */
export const serverSource = (version: string) => `
import { createServer } from "node:http";
import { chmodSync } from "node:fs";
const version = ${JSON.stringify(version)};
if (process.env.MOOD === "dead") { console.error("cannot go on: " + process.env.PASSWORD); process.exit(1); }
const server = createServer(async (request, response) => {
  if (request.url === "/readyz") response.statusCode = process.env.MOOD === "unready" ? 503 : 200;
  if (request.url === "/slow") await new Promise((resolve) => setTimeout(resolve, 800));
  response.end(version + " " + process.env.RELEASE_ID);
});
server.listen(process.env.LISTEN_SOCKET, () => chmodSync(process.env.LISTEN_SOCKET, 0o660));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
`;
/** Migrates nothing, and notes as whom. */
export const migrateSource = `
import { writeFileSync } from "node:fs";
if (process.env.MOOD === "unmigratable") { console.error("relation does not exist"); process.exit(1); }
writeFileSync("/tmp/migrated", process.getuid() + " " + process.env.PASSWORD);
`;
