import type { FormKeys } from "./auth/form-keys.js";
import type { Sessions } from "./auth/sessions.js";
import type { SignInCodes } from "./auth/sign-in-codes.js";
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
  signInCodes: SignInCodes;
  formKeys: FormKeys;
  layout: Layout;
}
