// Usage: node flag.mjs list | on FLAG | off FLAG. Prints the flags as JSON after it; a switch takes effect within a second.
import { runProgram, UsageError } from "./command-line.js";
import { openDatabase } from "./database/database.js";
import { readSeedEnvironment } from "./environment.js";
import { FLAGS, isFlag, listFlags, switchFlag } from "./flags.js";

const USAGE = `Usage: node flag.mjs list | on FLAG | off FLAG
${Object.entries(FLAGS)
  .map(([name, description]) => `  ${name.padEnd(14)} ${description}`)
  .join("\n")}`;

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

await runProgram(async () => await main(process.argv.slice(2)), {
  usage: USAGE,
  failed: "The flags cannot be reached",
});
