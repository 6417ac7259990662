import type { Sessions } from "./admin/sessions.js";
import type { Database } from "./database/database.js";
import type { ServerEnvironment } from "./environment.js";
import type { FeatureFlags } from "./flags.js";
import type { Layout } from "./pages/layout.js";

/** What the routes work with. */
export interface Services {
  db: Database;
  environment: ServerEnvironment;
  flags: FeatureFlags;
  sessions: Sessions;
  layout: Layout;
}
