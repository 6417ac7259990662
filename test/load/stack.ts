import { execa } from "execa";
import { chooseMachine, machinesRunning, sshAccess } from "../../src/cli/commands/ssh.js";
import { readOutputs } from "../../src/cli/pulumi.js";
import { openSession } from "../../src/cli/session.js";
import type { ShopOutputs } from "../../src/cli/shop.js";
import type { AskDatabase } from "../../src/load/verify.js";

/** What the load needs to know of a stack that is up. */
export interface Target {
  url: string;
  /** PEM of the stack's own authority. */
  ca?: string;
  /** Asks the stack's database, on its machine. */
  ask: AskDatabase;
}

/** @param machine the one with the database. @default the one that the topology names */
export async function openTarget(
  options: { stack: string; local?: boolean },
  machine?: string,
): Promise<Target> {
  const session = await openSession(options);
  const shop = (await readOutputs(session.pulumi, { secrets: false })) as unknown as ShopOutputs;
  const access = await sshAccess(session);
  const target = chooseMachine(access, machine ?? Object.keys(machinesRunning(access, "postgresql"))[0]);
  return {
    url: shop.url,
    ...(shop.caCertificate !== undefined && { ca: shop.caCertificate }),
    ask: async (sql) => {
      const words = ["runuser", "-u", "postgres", "--", "psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "shop"];
      const { stdout } = await execa("ssh", [...access.options, target, ...words], { input: sql });
      return stdout.trim();
    },
  };
}
