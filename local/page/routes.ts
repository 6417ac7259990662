import { readFileSync } from "node:fs";
import type { App } from "../api/app.js";
import type { Cloud } from "../api/cloud.js";
import { attachmentsOf, type ServerRow } from "../api/server-rows.js";
import { primaryIpOf } from "../api/primary-ip-rows.js";
import { projectRoot } from "../machines/project-root.js";
import type { RecentLog } from "./recent-log.js";

const shownActions = 50;

/** Nothing from elsewhere, nothing inline, in no other page's frame. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/**
 * A page that shows what the cloud does. The page itself is for everyone and says nothing; what it shows it asks for
 * with the token, at /live.
 */
export function pageRoutes(app: App, { state, actions }: Cloud, log: RecentLog | undefined): void {
  for (const [url, file, type] of [
    ["/", "index.html", "text/html; charset=utf-8"],
    ["/page.js", "page.js", "text/javascript; charset=utf-8"],
    ["/page.css", "page.css", "text/css; charset=utf-8"],
  ] as const) {
    const content = readFileSync(`${projectRoot()}/local/page/${file}`, "utf8");
    app.get(url, { config: { public: true } }, (_request, reply) =>
      reply
        .headers({
          "content-type": type,
          "content-security-policy": policy,
          "x-content-type-options": "nosniff",
          "referrer-policy": "no-referrer",
          "cache-control": "no-cache",
        })
        .send(content),
    );
  }

  app.get("/live", (_request, reply) => {
    void reply.header("cache-control", "no-store");
    const servers = state.all<ServerRow>("SELECT * FROM servers ORDER BY name");
    const names = new Map(servers.map(({ id, name }) => [`server ${id}`, name]));
    const recent = state.all<{ id: number }>("SELECT id FROM actions ORDER BY id DESC LIMIT ?", shownActions);
    const networks = state.all<{ id: number; name: string; ip_range: string }>(
      "SELECT id, name, ip_range FROM networks ORDER BY name",
    );
    for (const { id, name } of networks) names.set(`network ${id}`, name);
    return {
      servers: servers.map((row) => ({
        id: row.id,
        name: row.name,
        status: row.status,
        type: row.server_type,
        location: row.location,
        public: primaryIpOf(state, row.id, "ipv4")?.ip ?? "",
        private: attachmentsOf(state, row.id).map(({ ip }) => ip),
      })),
      networks: networks.map((network) => ({
        id: network.id,
        name: network.name,
        ip_range: network.ip_range,
        servers: servers
          .filter(({ id }) => attachmentsOf(state, id).some((one) => one.network_id === network.id))
          .map(({ name }) => name),
      })),
      actions: recent.map(({ id }) => {
        const { command, status, progress, started, error, resources } = actions.get(id);
        const on = resources.map((one) => names.get(`${one.type} ${one.id}`) ?? `${one.type} ${one.id}`);
        return { id, command, status, progress, started, error: error?.message ?? "", on };
      }),
      log: log?.entries() ?? [],
    };
  });
}
