import { Provider } from "@pulumi/hcloud/provider.js";
import * as pulumi from "@pulumi/pulumi";

/** The provider of Hetzner's resources, with the settings that Pulumi's default one would have: `hcloud:…`, else the environment. */
export function hetznerProvider(): pulumi.ProviderResource {
  const config = new pulumi.Config("hcloud");
  const given = {
    token: config.getSecret("token"),
    endpoint: config.get("endpoint"),
    endpointHetzner: config.get("endpointHetzner"),
    pollFunction: config.get("pollFunction"),
    pollInterval: config.get("pollInterval"),
  };
  return new Provider("hcloud", given);
}
