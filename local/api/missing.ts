import { Type } from "typebox";
import type { App } from "./app.js";
import { removed, unavailable, unsupported } from "./errors.js";
import { IdParams } from "./schemas.js";

/** Products of Hetzner Cloud that the local cloud does not have, by their path. */
const products: Record<string, string> = {
  zones: "DNS zones",
};

/** Server actions that the local cloud does not do. */
const serverActions = [
  "attach_iso",
  "create_image",
  "detach_iso",
  "disable_backup",
  "disable_rescue",
  "enable_backup",
  "enable_rescue",
  "request_console",
  "reset_password",
];

/** The rest of Hetzner's API: answered with what it is, never as if it had been done. */
export function missingRoutes(app: App): void {
  for (const [path, product] of Object.entries(products)) {
    for (const url of [`/${path}`, `/${path}/*`]) {
      app.route({
        method: ["GET", "POST", "PUT", "DELETE"],
        url,
        handler: () => {
          throw unavailable(product);
        },
      });
    }
  }
  for (const action of serverActions) {
    app.post(`/servers/:id/actions/${action}`, { schema: { params: IdParams } }, () => {
      throw unsupported(`the action ${action} is not supported by this local cloud`);
    });
  }
  app.get("/servers/:id/metrics", { schema: { params: IdParams } }, () => {
    throw unsupported("metrics of servers are not supported by this local cloud");
  });
  for (const method of ["PUT", "DELETE"] as const) {
    app.route({
      method,
      url: "/images/:id",
      schema: { params: Type.Object({ id: Type.Integer() }) },
      handler: () => {
        throw unsupported("only images of type snapshot and backup can be changed, and there are none here");
      },
    });
  }
  for (const url of ["/datacenters", "/datacenters/*"]) {
    app.get(url, () => {
      throw removed("https://docs.hetzner.cloud/changelog#2026-07-01-removing-datacenters");
    });
  }
}
