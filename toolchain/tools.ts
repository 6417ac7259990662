import { join } from "node:path";
import { contentKey, sources, toolsDirectory } from "./cache.js";

/** An executable that is needed in exactly one version. */
export interface Tool {
  /** As people call it, e.g. "Pulumi CLI". */
  title: string;
  /** Part of the name of its folder in the cache. */
  name: string;
  version: string;
  /** The executable's file name. */
  executable: string;
  build: GoBuild;
  /** How long a build usually takes on two cores when nothing is cached, for people. */
  usually: string;
  /** Where its makers publish it ready-made, if they do. */
  release?: Release;
}

/** How to build a tool with Go alone. */
export interface GoBuild {
  /** The folder of the Go module, with a go.mod and go.sum that pin everything. */
  module: string;
  /** The main package: of the module itself (`./cmd/plugin`) or of one it requires. */
  package: string;
  /** A main package of the module that writes files which the main package embeds, and its arguments. */
  generator?: { package: string; args: string[] };
  /** Variables set by the linker, e.g. a version. */
  variables?: Record<string, string>;
  /** A required module of which some files are replaced by those of a folder of the tool's module. */
  patch?: { module: string; files: string };
  /** What the compiler or linker takes at its worst, in GiB of memory; absent: less than any computer has. */
  memoryGiB?: number;
}

/** The settings of Go under which every tool is built: nothing but the pinned modules goes into an executable. */
export const goSettings = { CGO_ENABLED: "0", GOFLAGS: "-mod=readonly -trimpath -buildvcs=false" };

/** A published archive and the file that lists its checksum. */
export interface Release {
  /** The URL that `archive` and `checksums` are relative to. */
  url: string;
  archive: string;
  checksums: string;
  /** How many folders lie around the executable inside the archive. */
  folders: number;
}

const os = process.platform;

/** Pulumi's plugins are built from its bridge and a Terraform provider; the bridge's generator makes the schema. */
const bridged = {
  package: "./cmd/plugin",
  generator: {
    package: "./cmd/tfgen",
    args: ["schema", "--out", "cmd/plugin", "--skip-docs", "--skip-examples"],
  },
};

/** The engine and command line of Pulumi. */
export const pulumi: Tool = {
  title: "Pulumi CLI",
  name: "pulumi",
  version: "3.259.0",
  executable: "pulumi",
  build: {
    module: join(sources, "go", "pulumi"),
    package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    variables: { "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": "v3.259.0" },
  },
  usually: "5-6 minutes",
  release: {
    url: "https://github.com/pulumi/pulumi/releases/download/v3.259.0/",
    archive: `pulumi-v3.259.0-${os}-${process.arch}.tar.gz`,
    checksums: "pulumi-3.259.0-checksums.txt",
    folders: 1,
  },
};

/** The resource plugins that programs of this project use, in the versions of their npm packages. */
export const plugins: Tool[] = [
  plugin("hcloud", "1.41.0", "5 minutes"),
  plugin("random", "4.21.2", "a minute"),
];

/**
 * The plugin for stacks on AWS; only they need it. The Terraform provider is built without the services that nothing here
 * uses: with all of them it takes three quarters of an hour and 13 GB of memory.
 */
export const awsPlugin: Tool = plugin("aws", "7.48.0", "10 minutes", {
  patch: { module: "github.com/hashicorp/terraform-provider-aws", files: "overlay" },
  memoryGiB: 5,
});

/** All that Pulumi needs for every stack. */
export const tools = [pulumi, ...plugins];

/** The object storage of the local cloud: an S3 server above a folder. Made ready only where a local cloud is. */
export const versitygw: Tool = {
  title: "S3 server versitygw",
  name: "versitygw",
  version: "1.7.0",
  executable: "versitygw",
  build: {
    module: join(sources, "go", "versitygw"),
    package: "github.com/versity/versitygw/cmd/versitygw",
    variables: { "main.Version": "1.7.0" },
  },
  usually: "a minute",
  release: {
    url: "https://github.com/versity/versitygw/releases/download/v1.7.0/",
    archive: `versitygw_v1.7.0_Linux_${process.arch === "x64" ? "x86_64" : process.arch}.tar.gz`,
    checksums: "checksums.txt",
    folders: 1,
  },
};

const pebbleModule = join(sources, "go", "pebble");

/** An ACME authority for tests, and the DNS server that it asks for names. Neither is published for Debian. */
export const pebble: Tool = {
  title: "ACME test server pebble",
  name: "pebble",
  version: "2.8.0",
  executable: "pebble",
  build: { module: pebbleModule, package: "github.com/letsencrypt/pebble/v2/cmd/pebble" },
  usually: "half a minute",
};
export const pebbleDns: Tool = {
  ...pebble,
  title: "DNS test server pebble-challtestsrv",
  name: "pebble-challtestsrv",
  executable: "pebble-challtestsrv",
  build: { module: pebbleModule, package: "github.com/letsencrypt/pebble/v2/cmd/pebble-challtestsrv" },
};

function plugin(name: string, version: string, usually: string, build: Partial<GoBuild> = {}): Tool {
  const arch = process.arch === "x64" ? "amd64" : process.arch;
  return {
    title: `Pulumi plugin ${name}`,
    name,
    version,
    executable: `pulumi-resource-${name}`,
    build: { module: join(sources, "go", name), ...bridged, ...build },
    usually,
    release: {
      url: `https://github.com/pulumi/pulumi-${name}/releases/download/v${version}/`,
      archive: `pulumi-resource-${name}-v${version}-${os}-${arch}.tar.gz`,
      checksums: `pulumi-${name}_${version}_checksums.txt`,
      folders: 0,
    },
  };
}

/** The folder of the cache that a tool is, or will be, kept in. Another source, another folder. */
export function toolDirectory(tool: Tool): string {
  const { module, ...recipe } = tool.build;
  const facts = JSON.stringify([tool.version, recipe, goSettings, os, process.arch]);
  const key = contentKey([module], facts);
  return join(toolsDirectory(), `${tool.name}-${tool.version}-${key}`);
}
