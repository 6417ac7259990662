// Usage: node seed.mjs [--stores N] [--products N] [--giant]. Prints a JSON summary; progress goes to stderr.
import { parseArgs } from "node:util";
import { runProgram, UsageError } from "./command-line.js";
import { openDatabase } from "./database/database.js";
import { readSeedEnvironment } from "./environment.js";
import { seed } from "./seed/fill.js";

const USAGE = `Usage: node seed.mjs [--stores N] [--products N] [--giant]
  --stores N     sample stores, 0 to 10000 (default 100)
  --products N   products of each, 0 to 5000 (default 50)
  --giant        also a store of 20,000 products`;

function onProgress(done: number, total: number): void {
  console.error(`${done.toLocaleString("en-IN")} of ${total.toLocaleString("en-IN")} products`);
}

async function main(): Promise<void> {
  const { stores, productsPerStore, giant } = readArguments();
  const { databaseUrl } = readSeedEnvironment(process.env);
  const { db, pool } = openDatabase({
    url: databaseUrl,
    poolMax: 1,
    // A batch takes longer than a request may.
    timeoutMillis: 60_000,
    onConnectionLost: (error) => console.error(error.message),
  });
  const start = performance.now();
  try {
    const summary = await seed(db, { stores, productsPerStore, giant, onProgress });
    console.log(JSON.stringify({ ...summary, seconds: Math.round(performance.now() - start) / 1000 }));
  } finally {
    await pool.end();
  }
}

function readArguments(): { stores: number; productsPerStore: number; giant: boolean } {
  const { values } = (() => {
    try {
      return parseArgs({
        options: {
          stores: { type: "string", default: "100" },
          products: { type: "string", default: "50" },
          giant: { type: "boolean", default: false },
        },
      });
    } catch (error) {
      throw new UsageError(error instanceof Error ? error.message : String(error));
    }
  })();
  const stores = wholeNumber(values.stores, 10_000);
  const productsPerStore = wholeNumber(values.products, 5_000);
  if (stores === undefined) throw new UsageError("--stores must be a whole number from 0 to 10000");
  if (productsPerStore === undefined)
    throw new UsageError("--products must be a whole number from 0 to 5000");
  return { stores, productsPerStore, giant: values.giant };
}

function wholeNumber(text: string, max: number): number | undefined {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  return value <= max ? value : undefined;
}

await runProgram(main, { usage: USAGE, failed: "Seeding failed" });
