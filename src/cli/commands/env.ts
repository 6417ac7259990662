import { overBudgetVariable } from "../../budget-variable.js";
import { openSession } from "../session.js";

/** Prints what plain `pulumi`, the hcloud CLI and Terraform need, as shell assignments or JSON; starts the local cloud that they talk to. */
export async function env(options: { stack: string; local?: boolean; json?: boolean }): Promise<void> {
  const { pulumi } = await openSession({ ...options, startCloud: true }, (message) =>
    process.stderr.write(`${message}\n`),
  );
  // Plain pulumi is held to the budget by the program.
  Reflect.deleteProperty(pulumi.env, overBudgetVariable);
  if (options.json) {
    process.stdout.write(`${JSON.stringify(pulumi.env, undefined, 2)}\n`);
    return;
  }
  // It would win over the file.
  if ("PULUMI_CONFIG_PASSPHRASE_FILE" in pulumi.env) process.stdout.write("unset PULUMI_CONFIG_PASSPHRASE\n");
  for (const [name, value] of Object.entries(pulumi.env)) {
    process.stdout.write(`export ${name}=${quote(value)}\n`);
  }
}

function quote(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}
