import { execa } from "execa";
import { CliError, ExitCode } from "../errors.js";
import { openSession } from "../session.js";
import { machinesRunning, noOpenSsh, sshAccess } from "./ssh.js";

interface SeedOptions {
  stack: string;
  local?: boolean;
  stores: string;
  products: string;
  giant?: boolean;
}

// Runs on the machine as the app's user with the environment of the active release; nothing secret is an argument.
const remoteScript = (words: string[]) => `set -eu
release=/opt/dukaan/releases/api/current
set -a; . "$release/env"; set +a
exec runuser -u dukaan --preserve-environment -- "$release/node" "$release/seed.mjs" ${words.join(" ")}
`;

/** Fills the stack's shop with made-up stores. The same numbers give the same stores; running it again adds nothing. */
export async function seed(options: SeedOptions): Promise<void> {
  const stores = wholeNumber("--stores", options.stores, 10_000);
  const products = wholeNumber("--products", options.products, 1_000);
  const session = await openSession(options);
  const access = await sshAccess(session);
  const machine = Object.values(machinesRunning(access, "api"))[0]!;
  const words = [
    "--stores",
    String(stores),
    "--products",
    String(products),
    ...(options.giant ? ["--giant"] : []),
  ];
  const result = await execa("ssh", [...access.options, machine, "sh", "-s"], {
    input: remoteScript(words),
    stdout: "inherit",
    stderr: "inherit",
    reject: false,
  });
  if (result.code === "ENOENT") throw noOpenSsh();
  if (result.exitCode !== 0)
    throw new CliError("seeding failed", "See the messages above; running it again is safe.");
}

function wholeNumber(option: string, text: string, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw new CliError(`${option} is "${text}"`, `Give a whole number from 1 to ${most}.`, ExitCode.usage);
  }
  return value;
}
