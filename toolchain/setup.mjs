/**
 * Installs the dependencies and compiles, each when what it depends on has changed. Started by the script `dukaan`,
 * before anything is installed or compiled: so it is plain JavaScript, and lock.ts is run without being compiled.
 */
import { spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { withLock } from "./lock.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const lockFile = join(root, "package-lock.json");
const installed = join(root, "node_modules", ".dukaan-installed");
const compiled = join(root, "dist", ".compiled");

/** Exit code that tells `dukaan` to look again whether there is still something to do. */
const lookAgain = 75;

try {
  await withLock(
    join(root, "dist", ".setup-lock"),
    async () => {
      if (process.exitCode === lookAgain) return;
      if (!isInstalled()) await install();
      await compile();
      giveToOwner();
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
  const [file, ...args] = findNpm();
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

/** With sudo, all that was made here would be root's, and the next start without it could not change it. */
function giveToOwner() {
  const { uid, gid } = statSync(root);
  if (process.getuid?.() !== 0 || uid === 0) return;
  spawnSync("chown", ["-R", "-h", `${uid}:${gid}`, join(root, "node_modules"), join(root, "dist")]);
}

/** The command for npm: the one that belongs to this Node.js, else that of PATH. */
function findNpm() {
  const own = join(dirname(dirname(process.execPath)), "lib", "node_modules", "npm", "bin", "npm-cli.js");
  if (existsSync(own)) return [process.execPath, own];
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    if (existsSync(join(folder, "npm"))) return [join(folder, "npm")];
  }
  throw Object.assign(
    new Error(`npm is needed to install the dependencies, and ${process.execPath} came without it`),
    {
      remedy: "Install npm so that `npm` is on PATH (Debian: apt-get install npm).",
    },
  );
}
