import { log } from "@pulumi/pulumi";
import { findArtifacts } from "./artifacts.js";
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

/** The Pulumi program. Its exports are the stack's outputs. */
export const {
  url,
  stage,
  release,
  held,
  addresses,
  services,
  ssh,
  deployKey,
  knownHosts,
  caCertificate,
  backupPassphrase,
  readme,
} = provision(settings, findArtifacts(projectRoot, process.env, settings.release));
