import { sshAccess } from "../../src/cli/commands/ssh.js";
import { readOutputs } from "../../src/cli/pulumi.js";
import { openSession } from "../../src/cli/session.js";
import type { ShopOutputs } from "../../src/cli/shop.js";
import { askDatabase } from "../../src/cli/shop-database.js";
import type { AskDatabase } from "../../src/load/verify.js";

/** What the load needs to know of a stack that is up. */
export interface Target {
  url: string;
  /** PEM of the stack's own authority. */
  ca?: string;
  /** Asks the stack's database, on its machine. */
  ask: AskDatabase;
}

export async function openTarget(options: { stack: string }): Promise<Target> {
  const session = await openSession(options);
  const shop = (await readOutputs(session.pulumi, { secrets: false })) as unknown as ShopOutputs;
  const access = await sshAccess(session);
  return {
    url: shop.url,
    ...(shop.caCertificate !== undefined && { ca: shop.caCertificate }),
    ask: (sql) => askDatabase(access, sql),
  };
}
