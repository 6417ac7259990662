import { runProvider } from "./run.js";
import { resourceType } from "./types.js";

// Started through ./pulumi-resource-dukaan.
await runProvider(resourceType);
