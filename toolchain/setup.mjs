/**
 * Installs the dependencies and compiles, each when what it depends on has changed. Started by the script `dukaan`,
 * before anything is installed or compiled: so it is plain JavaScript, and lock.ts is run without being compiled.
 */
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { withLock } from "./lock.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const lockFile = join(root, "package-lock.json");
const installed = join(root, "node_modules", ".dukaan-installed");
const compiled = join(root, "dist", ".compiled");

/** The npm that is fetched where Node.js came without one and PATH has none. */
const npmPackage = {
  version: "11.19.1",
  integrity:
    "sha512-ztsxKxt/kkIaAs+2i0GU6I+DRmUdrNasxTZKJe9TCdSjKxlhah/4r/hl5ygMD6XAg1qZ9c2TNomR4qgOydp10g==",
};

/** Exit code that tells `dukaan` to look again whether there is still something to do. */
const lookAgain = 75;

try {
  await withLock(
    join(root, "dist", ".setup-lock"),
    async () => {
      if (process.exitCode === lookAgain) return;
      if (!isInstalled()) await install();
      await compile();
    },
    () => {
      say("Waiting for another run of Dukaan that is installing or compiling");
      process.exitCode = lookAgain;
    },
  );
} catch (error) {
  say(`dukaan: ${error.message}`);
  if (error.remedy) say(`  ${error.remedy}`);
  process.exitCode = 1;
}

/** @param {string} message */
function say(message) {
  process.stderr.write(`${message}\n`);
}

/** Whether node_modules is what package-lock.json says, by our own mark or by npm's record of what it installed. */
function isInstalled() {
  const wanted = readFileSync(lockFile, "utf8");
  if (existsSync(installed) && readFileSync(installed, "utf8") === wanted) return true;
  const record = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(record)) return false;
  const has = JSON.parse(readFileSync(record, "utf8")).packages;
  const { "": _self, ...wants } = JSON.parse(wanted).packages;
  // Optional packages are those of other platforms.
  const same = Object.entries(wants).every(([path, { version, optional }]) =>
    path in has ? has[path].version === version : optional,
  );
  if (!same || Object.keys(has).some((path) => !(path in wants))) return false;
  copyFileSync(lockFile, installed);
  return true;
}

async function install() {
  const [file, ...args] = await findNpm();
  const wanted = readFileSync(lockFile);
  await step(
    "Installing dependencies (usually 10-60 seconds)",
    file,
    [...args, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
    "Make sure that npm's registry can be reached (npm ping), then run the same command again.",
  );
  mkdirSync(dirname(installed), { recursive: true });
  writeFileSync(installed, wanted);
}

async function compile() {
  // The mark gets the time before the compilation: what changes while it runs is compiled next time.
  const mark = `${compiled}.next`;
  mkdirSync(dirname(compiled), { recursive: true });
  writeFileSync(mark, "");
  await step(
    "Compiling (usually 3-10 seconds)",
    process.execPath,
    [join(root, "scripts", "build.mjs")],
    "Correct what the compiler says above; on an unchanged checkout run git status and git clean -ndx to see what differs.",
  );
  renameSync(mark, compiled);
}

/**
 * Runs a program and shows what it says only if it fails.
 * @param {string} title
 * @param {string} file
 * @param {string[]} args
 * @param {string} remedy
 */
async function step(title, file, args, remedy) {
  const start = performance.now();
  say(`${title} …`);
  const child = spawn(file, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  child.stderr.on("data", (chunk) => (output += chunk));
  const reason = await new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) =>
      resolve(code === 0 ? undefined : `it ended with ${signal ?? code}`),
    );
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  if (reason === undefined) return say(`${title.replace(/ \(.*/, "")}: done in ${seconds} s`);
  say(output.trimEnd());
  throw Object.assign(new Error(`${title.replace(/ \(.*/, "")} failed in ${root}: ${reason}`), { remedy });
}

/** The command for npm: the one that belongs to this Node.js, else that of PATH, else one that is fetched. */
async function findNpm() {
  const own = join(dirname(dirname(process.execPath)), "lib", "node_modules", "npm", "bin", "npm-cli.js");
  if (existsSync(own)) return [process.execPath, own];
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    if (existsSync(join(folder, "npm"))) return [join(folder, "npm")];
  }
  const cache =
    process.env.DUKAAN_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "dukaan");
  const folder = join(cache, `npm-${npmPackage.version}`);
  if (!existsSync(folder)) await fetchNpm(folder);
  return [process.execPath, join(folder, "bin", "npm-cli.js")];
}

/** @param {string} folder */
async function fetchNpm(folder) {
  const { version, integrity } = npmPackage;
  const url = `https://registry.npmjs.org/npm/-/npm-${version}.tgz`;
  say(`Fetching npm ${version} (once)`);
  const response = await fetch(url).catch((error) => ({
    ok: false,
    status: error.cause?.message ?? error.message,
  }));
  if (!response.ok) {
    throw Object.assign(
      new Error(`npm is not installed, and ${url} could not be fetched: ${response.status}`),
      {
        remedy: "Install npm so that `npm` is on PATH.",
      },
    );
  }
  const archive = Buffer.from(await response.arrayBuffer());
  const found = `sha512-${createHash("sha512").update(archive).digest("base64")}`;
  if (found !== integrity) {
    throw Object.assign(new Error(`${url} has the checksum ${found}, but ${integrity} was expected`), {
      remedy: "Install npm from a source you trust so that `npm` is on PATH.",
    });
  }
  const work = `${folder}.${process.pid}`;
  mkdirSync(work, { recursive: true });
  writeFileSync(join(work, "npm.tgz"), archive);
  await promisify(execFile)("tar", ["-xzf", "npm.tgz", "--strip-components=1"], { cwd: work });
  rmSync(join(work, "npm.tgz"));
  renameSync(work, folder);
}
