import { serve } from "./protocol.js";
import type { ResourceType } from "./resource.js";

/**
 * The provider's process. The engine starts it, passes its own address as the last argument and reads the port from the
 * first line of stdout.
 * @param resourceType gives the type that a token names
 */
export async function runProvider(resourceType: (token: string) => Promise<ResourceType>): Promise<void> {
  const { port } = await serve({
    resourceType,
    engineAddress: process.argv.slice(2).find((argument) => /^[^-].*:\d+$/.test(argument)),
  });
  process.stdout.write(`${port}\n`);

  // An engine that is killed cannot tell us to end. Whoever takes over its orphans has another process id.
  const engine = process.ppid;
  setInterval(() => {
    if (process.ppid !== engine) process.exit(1);
  }, 2000).unref();
}
