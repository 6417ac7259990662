import { getStack } from "@pulumi/pulumi";
import { allConfig } from "@pulumi/pulumi/runtime/index.js";
import { findArtifacts } from "../../../src/artifacts.js";
import { projectRoot } from "../../../src/project.js";
import { provision } from "../../../src/provision.js";
import { parseSettings } from "../../../src/settings/parse.js";

// The program of the project with the outputs that its commands read, and without its refusals: nobody is there to
// configure machines that do not exist.
const { settings, problems } = parseSettings(getStack(), allConfig());
if (!settings) throw new Error(JSON.stringify(problems));

export const {
  url,
  stage,
  release,
  held,
  addresses,
  services,
  groups,
  ssh,
  tunnels,
  deployKey,
  knownHosts,
  caCertificate,
} = await provision(settings, findArtifacts(projectRoot, process.env, settings.release));
