import { CliError, ExitCode } from "./errors.js";
import type { HetznerAccess } from "./hetzner-api.js";
import { query } from "./pulumi.js";
import type { Session } from "./session.js";

/** How to ask the stack's cloud. @throws CliError (usage) when there is no token */
export async function cloudAccess({ cloud, pulumi, stack }: Session): Promise<HetznerAccess> {
  if (cloud) return cloud;
  const setting = async (name: string) =>
    (await query(pulumi, ["config", "get", `hcloud:${name}`]).catch(() => "")).trim();
  const token = process.env["HCLOUD_TOKEN"] ?? (await setting("token"));
  if (token === "") {
    throw new CliError(
      "there is no token for Hetzner Cloud",
      `Make one in the Hetzner console (Security → API tokens), then set HCLOUD_TOKEN or run \`pulumi config set --secret hcloud:token --stack ${stack.name}\`.`,
      ExitCode.usage,
    );
  }
  const endpoint = process.env["HCLOUD_ENDPOINT"] || (await setting("endpoint"));
  return { token, endpoint: endpoint || "https://api.hetzner.cloud/v1" };
}
