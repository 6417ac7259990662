import type { App } from "./app.js";
import type { Cloud } from "./cloud.js";
import { removed, unsupported } from "./errors.js";
import { IdParams } from "./schemas.js";
import { findServer } from "./server-rows.js";

/** Server actions that the local cloud does not do. */
const serverActions = [
  "attach_iso",
  "detach_iso",
  "disable_rescue",
  "enable_rescue",
  "request_console",
  "reset_password",
];

/** The rest of Hetzner's API: answered with what it is, never as if it had been done. */
export function missingRoutes(app: App, { state }: Cloud): void {
  for (const action of serverActions) {
    app.post(`/servers/:id/actions/${action}`, { schema: { params: IdParams } }, (request) => {
      findServer(state, request.params.id);
      throw unsupported(`the action ${action} is not supported by this local cloud`);
    });
  }
  const noDataCenters = (): never => {
    throw removed("https://docs.hetzner.cloud/changelog#2026-07-01-removing-datacenters");
  };
  app.get("/datacenters", noDataCenters);
  app.get("/datacenters/:id", { schema: { params: IdParams } }, noDataCenters);
}
