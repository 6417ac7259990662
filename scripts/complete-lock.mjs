/**
 * Adds to package-lock.json the optional packages of other platforms that npm has left out because the registry in use
 * does not have them. Without them `npm ci` refuses the file, on every platform. Run it after `npm install`.
 */
import { readFileSync, writeFileSync } from "node:fs";

const file = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(file, "utf8"));
const { packages } = lock;

for (const [path, { optionalDependencies = {}, dev, engines }] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    if (`${path}/node_modules/${name}` in packages || `node_modules/${name}` in packages) continue;
    // Such packages are named after their platform: @scope/binding-linux-x64-musl.
    const [, os, cpu, abi = ""] =
      /(?:\/|-)([a-z0-9]+)-(arm|arm64|ia32|ppc64|riscv64|s390x|x64)(?:-(\w+))?$/.exec(name) ?? [];
    if (!os || !/^\d/.test(version))
      throw new Error(`${path} wants ${name}@${version}: not a package of one platform`);
    packages[`node_modules/${name}`] = {
      version,
      cpu: [cpu],
      ...(dev && { dev }),
      ...(os === "linux" && { libc: [abi.startsWith("musl") ? "musl" : "glibc"] }),
      optional: true,
      os: [os],
      ...(engines && { engines }),
    };
    console.log(`added ${name}@${version}`);
  }
}

const byPath = ([a], [b]) => (a < b ? -1 : 1);
lock.packages = Object.fromEntries(Object.entries(packages).sort(byPath));
writeFileSync(file, `${JSON.stringify(lock, undefined, 2)}\n`);
