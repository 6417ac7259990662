import { getStack } from "@pulumi/pulumi";
import { allConfig } from "@pulumi/pulumi/runtime/index.js";
import { findArtifacts } from "../../../src/artifacts.js";
import { provision } from "../../../src/provision.js";
import { parseSettings } from "../../../src/settings/parse.js";

// The program of the project, without its refusals: nobody is there to configure machines that do not exist.
const { settings, problems } = parseSettings(getStack(), allConfig());
if (!settings) throw new Error(JSON.stringify(problems));

export const { url, stage, addresses } = await provision(settings, findArtifacts());
