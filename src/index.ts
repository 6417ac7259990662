import { RunError, log } from "@pulumi/pulumi";
import { findArtifacts } from "./artifacts.js";
import { overBudgetVariable } from "./budget-variable.js";
import { whyOverBudget } from "./budget.js";
import { projectRoot } from "./project.js";
import { provision } from "./provision.js";
import { readSettings } from "./settings/read.js";

// Pulumi notes every resource's whole stack trace, and its runner has each frame looked up in source maps: a tenth of a
// preview's time for something nobody sees. Without the lookup, the trace of an error names the compiled files.
Reflect.deleteProperty(Error, "prepareStackTrace");

const settings = readSettings();
if (settings.release !== undefined) {
  const bundle = settings.release.slice(0, 12);
  void log.warn(
    `the app stays at bundle ${bundle} since a rollback; ./dukaan up --release latest deploys what is built`,
  );
}

const tooDear = process.env[overBudgetVariable] === "yes" ? undefined : whyOverBudget(settings);
if (tooDear !== undefined) {
  throw new RunError(
    `${tooDear}\nNothing was changed. Raise dukaan:monthlyBudget, take smaller servers, or set ${overBudgetVariable}=yes to go above it.`,
  );
}

/** The Pulumi program. Its exports are the stack's outputs. */
export const {
  url,
  stage,
  release,
  held,
  addresses,
  loadBalancer,
  services,
  groups,
  ssh,
  tunnels,
  deployKey,
  knownHosts,
  caCertificate,
  backupPassphrase,
  readme,
} = await provision(settings, findArtifacts(projectRoot, process.env, settings.release));
