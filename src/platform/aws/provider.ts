import { Provider } from "@pulumi/aws/provider.js";
import type * as pulumi from "@pulumi/pulumi";
import type { AwsContext } from "./context.js";

/**
 * The provider of AWS's resources; credentials come from where AWS's own tools look (AWS_PROFILE, SSO, …).
 * @throws Error for two regions of AWS: one provider has one region
 */
export function awsProvider({ regions }: AwsContext): pulumi.ProviderResource {
  const [region, ...others] = [...new Set(regions.map(({ location }) => location))];
  if (region === undefined || others.length > 0) {
    throw new Error(`a stack can be in one region of AWS, not in ${regions.length}`);
  }
  return new Provider("aws", { region });
}
