import { execa } from "execa";
import { machinesRunning, type SshAccess } from "./commands/ssh.js";
import { CliError } from "./errors.js";

/** Asks the stack's database, on its machine; the statement goes over standard input, whatever its length. */
export async function askDatabase(access: SshAccess, sql: string): Promise<string> {
  const target = Object.values(machinesRunning(access, "postgresql"))[0]!;
  const words = ["runuser", "-u", "postgres", "--", "psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "shop"];
  const { exitCode, stdout, stderr } = await execa("ssh", [...access.options, target, ...words], {
    input: sql,
    reject: false,
  });
  if (exitCode === 0) return stdout.trim();
  throw new CliError(`the database does not answer: ${stderr.trim()}`, "Look at it: ./dukaan diagnose");
}
