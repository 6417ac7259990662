import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { dirname, join } from "node:path";
import { execa } from "execa";
import type { Properties } from "../../providers/dukaan/values.js";

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

/** This very Node.js as the runtime. */
export async function packRuntime(into: string): Promise<Properties> {
  const packed = await pack(join(into, "runtime.tar.gz"), dirname(dirname(process.execPath)), "bin/node");
  return { ...packed, version: process.versions.node };
}

export async function packModules(into: string): Promise<Properties> {
  await mkdir(join(into, "node_modules/native"), { recursive: true });
  await writeFile(join(into, "node_modules/native/index.js"), "// native");
  return pack(join(into, "modules.tar.gz"), into, "node_modules");
}

async function pack(archive: string, root: string, content: string): Promise<Properties> {
  await execa("tar", ["-cf", archive, "-I", "gzip -1", "-C", root, content]);
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(archive)) hash.update(chunk);
  return { archive, digest: hash.digest("hex") };
}

/** A request to nginx on a machine. */
export function ask(host: string, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ host, path, agent: false }, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => (body += chunk.toString()));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    call.on("error", reject);
    call.end();
  });
}
