import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DependencyInfo } from "@pulumi/pulumi/proto/language_pb.js";
import { PackageDependency, PackageParameterization } from "@pulumi/pulumi/proto/plugin_pb.js";

/** The part of a package.json that says which Pulumi plugin the package belongs to. */
interface Manifest {
  name?: string;
  version?: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  pulumi?: {
    resource?: boolean;
    name?: string;
    version?: string;
    server?: string;
    parameterization?: { name: string; version: string; value: string };
  };
}

/**
 * The Pulumi packages that are installed for a program: those of the `node_modules` in its own folder. As with Pulumi's
 * own language host nothing above that folder counts: those plugins are looked for when the program first uses them.
 */
export function requiredPackages(programDirectory: string): PackageDependency[] {
  const found = new Map<string, PackageDependency>();
  for (const folder of packageFolders(join(programDirectory, "node_modules"))) {
    const manifest = readManifest(folder);
    const { name = "", pulumi } = manifest;
    if (!pulumi?.resource) continue;
    const plugin = pulumi.name ?? name.replace(/^@pulumi\//, "");
    const version = pulumi.version ?? manifest.version ?? "";
    const dependency = new PackageDependency()
      .setKind("resource")
      .setName(plugin)
      .setVersion(version.startsWith("v") ? version : `v${version}`)
      .setServer(pulumi.server ?? "");
    const { parameterization } = pulumi;
    if (parameterization) {
      dependency.setParameterization(
        new PackageParameterization()
          .setName(parameterization.name)
          .setVersion(parameterization.version)
          .setValue(parameterization.value),
      );
    }
    found.set(`${plugin} ${parameterization?.name ?? ""}`, dependency);
  }
  return [...found.values()];
}

/** The npm packages of a program with their installed versions: its own ones, or all of its `node_modules`. */
export function programDependencies(programDirectory: string, transitive: boolean): DependencyInfo[] {
  const modules = join(programDirectory, "node_modules");
  const own = readManifest(programDirectory);
  const folders = transitive
    ? packageFolders(modules)
    : Object.keys({ ...own.dependencies, ...own.devDependencies }).map((name) => join(modules, name));
  return folders
    .map(readManifest)
    .filter(({ name }) => name !== undefined)
    .map(({ name = "", version = "" }) => new DependencyInfo().setName(name).setVersion(version));
}

function packageFolders(modules: string): string[] {
  return namesIn(modules).flatMap((name) => {
    const folder = join(modules, name);
    return name.startsWith("@") ? namesIn(folder).map((scoped) => join(folder, scoped)) : [folder];
  });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => !name.startsWith("."));
  } catch {
    return []; // not there, or a file
  }
}

function readManifest(folder: string): Manifest {
  try {
    const manifest: Manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    return manifest;
  } catch {
    return {}; // not a package
  }
}
