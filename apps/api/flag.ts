// Usage: node flag.mjs list | on FLAG | off FLAG. Prints the flags as JSON after it; a switch takes effect within a second.
import { openDatabase } from "./database/database.js";
import { EnvironmentError, readSeedEnvironment } from "./environment.js";
import { FLAGS, isFlag, listFlags, switchFlag } from "./flags.js";

const USAGE = `Usage: node flag.mjs list | on FLAG | off FLAG
${Object.entries(FLAGS)
  .map(([name, description]) => `  ${name.padEnd(14)} ${description}`)
  .join("\n")}`;

/** sysexits(3) */
const EX_USAGE = 64;
const EX_CONFIG = 78;

class UsageError extends Error {}

async function main(words: readonly string[]): Promise<void> {
  const [action = "", name = "", ...rest] = words;
  const switches = action === "on" || action === "off";
  if (rest.length > 0 || (!switches && (action !== "list" || name !== "")))
    throw new UsageError("flag.mjs takes list, on FLAG or off FLAG");
  if (switches && !isFlag(name)) throw new UsageError(`There is no flag "${name}"`);
  const { databaseUrl } = readSeedEnvironment(process.env);
  const { db, pool } = openDatabase({
    url: databaseUrl,
    poolMax: 1,
    onConnectionLost: (error) => console.error(error.message),
  });
  try {
    const changed = switches && isFlag(name) && (await switchFlag(db, name, action === "on"));
    console.log(JSON.stringify({ changed, flags: await listFlags(db) }));
  } finally {
    await pool.end();
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`${error.message}\n${USAGE}`);
    process.exitCode = EX_USAGE;
  } else if (error instanceof EnvironmentError) {
    console.error(error.message);
    process.exitCode = EX_CONFIG;
  } else {
    console.error(`The flags cannot be reached: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
