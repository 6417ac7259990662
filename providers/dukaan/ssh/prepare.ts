import { ProviderError, type Context } from "../resource.js";
import type { Machine } from "./machine.js";
import { runScript } from "./script.js";

/** First contact: what cloud-init does at first boot must be over before anything is built on it. */
export async function waitForCloudInit(machine: Machine, context: Context): Promise<void> {
  context.progress(`waiting for cloud-init on ${machine.host}`);
  const { code, lines } = await runScript(machine, "wait-for-cloud-init.sh", []);
  if (code !== 0) throw new ProviderError(`${machine.host}: ${lines.join("\n  ")}`);
}
