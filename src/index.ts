import { findArtifacts } from "./artifacts.js";
import { provision } from "./provision.js";
import { readSettings } from "./settings/read.js";

// Pulumi notes every resource's whole stack trace, and its runner has each frame looked up in source maps: a tenth of a
// preview's time for something nobody sees. Without the lookup, the trace of an error names the compiled files.
Reflect.deleteProperty(Error, "prepareStackTrace");

/** The Pulumi program. Its exports are the stack's outputs. */
export const { url, stage, release, addresses, ssh, deployKey, knownHosts, caCertificate, readme } =
  provision(readSettings(), findArtifacts());
