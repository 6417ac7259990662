import type { FormKeys } from "./auth/form-keys.js";
import type { RateLimits } from "./auth/rate-limits.js";
import type { Sessions } from "./auth/sessions.js";
import type { SignInCodes } from "./auth/sign-in-codes.js";
import type { Database } from "./database/database.js";
import type { ServerEnvironment } from "./environment.js";
import type { FeatureFlags } from "./flags.js";
import type { Encoder } from "./images/encoder.js";
import type { ImageStore } from "./images/image-store.js";
import type { Layout } from "./pages/layout.js";

/** What the routes work with. */
export interface Services {
  db: Database;
  environment: ServerEnvironment;
  flags: FeatureFlags;
  sessions: Sessions;
  signInCodes: SignInCodes;
  formKeys: FormKeys;
  limits: RateLimits;
  layout: Layout;
  /** Absent: no object storage is set, so there are no pictures. */
  images: { store: ImageStore; encoder: Encoder } | undefined;
}
