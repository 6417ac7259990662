import { buckets } from "./aws/buckets.js";
import { encryption } from "./aws/encryption.js";
import { exposure as awsExposure } from "./aws/exposure.js";
import { iam } from "./aws/iam.js";
import { protection as awsProtection } from "./aws/protection.js";
import { tags } from "./aws/tags.js";
import { exposure } from "./hetzner/exposure.js";
import { labels } from "./hetzner/labels.js";
import { protection } from "./hetzner/protection.js";
import type { Rule, StackRule } from "./rule.js";

/** What is asked of each resource by itself. */
export const rules: readonly Rule[] = [
  ...exposure,
  ...protection,
  ...labels,
  ...awsExposure,
  ...encryption,
  ...awsProtection,
  ...iam,
  ...tags,
];

/** What is asked of all resources of a stack together. */
export const stackRules: readonly StackRule[] = buckets;
