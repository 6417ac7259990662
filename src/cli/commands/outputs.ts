import { openSession } from "../session.js";
import { readOutputs } from "../pulumi.js";

/** Prints the outputs of a stack; secrets stay hidden. */
export async function outputs(options: { stack: string; local?: boolean; json?: boolean }): Promise<void> {
  const { pulumi } = await openSession(options);
  const found = await readOutputs(pulumi, { secrets: false });
  if (options.json) {
    process.stdout.write(`${JSON.stringify(found, undefined, 2)}\n`);
    return;
  }
  for (const [name, value] of Object.entries(found)) {
    // Keys, certificates and the README fill screens; who needs them asks for JSON.
    if (typeof value === "string" && (value.includes("\n") || value === "[secret]")) continue;
    process.stdout.write(`${name.padEnd(14)} ${typeof value === "string" ? value : JSON.stringify(value)}\n`);
  }
}
