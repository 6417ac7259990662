import type { RoleArgs } from "../../providers/dukaan/sdk.js";

/** What a role puts on a machine; which machine, and after what, is the component's business. */
export type RoleDefinition = Omit<RoleArgs, "connection" | "serverId" | "after">;
