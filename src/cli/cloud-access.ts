import { topologyOf } from "../../stacks/index.js";
import { machineNamed } from "../topology/topology.js";
import { CliError, ExitCode } from "./errors.js";
import { type CloudServer, type HetznerAccess, listLabelled } from "./hetzner-api.js";
import { query } from "./pulumi.js";
import type { Session } from "./session.js";
import { requireSettings } from "./settings.js";

/** How to ask the stack's Hetzner Cloud. @throws CliError (usage) when there is no token */
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

/** The server of one of the stack's machines; undefined: the cloud has none. `label` selects all of the stack's. */
export async function serverOf(
  session: Session,
  machine: string,
): Promise<{ access: HetznerAccess; server: CloudServer | undefined; hostname: string; label: string }> {
  const access = await cloudAccess(session);
  const { hostname } = machineNamed(topologyOf(await requireSettings(session.stack)), machine);
  const label = `dukaan-stack==${session.stack.name}`;
  const server = (await listLabelled(access, "servers", label)).find(({ name }) => name === hostname);
  return { access, server, hostname, label };
}
