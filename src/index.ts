import { findArtifacts } from "./artifacts.js";
import { provision } from "./provision.js";
import { readSettings } from "./settings/read.js";

/** The Pulumi program. Its exports are the stack's outputs. */
export const { url, stage, release, addresses, ssh, deployKey, knownHosts, caCertificate, readme } =
  provision(readSettings(), findArtifacts());
