import { existsSync, globSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { projectRoot } from "../../toolchain/cache.js";
import { awsPlugin } from "../../toolchain/tools.js";
import { onlyAws, recordOnAws } from "./on-aws.js";

// The plugin that is built here has but the resources of its list. Whether their properties are those of the npm package is
// for test/aws/schema.test.ts, which needs the plugin.

const packageFolder = dirname(createRequire(import.meta.url).resolve("@pulumi/aws/package.json"));
const { build } = awsPlugin;
const { resources, functions } = JSON.parse(
  readFileSync(join(build.module, "tokens.json"), "utf8"),
) as Record<"resources" | "functions", Record<string, string>>;
const mapped = new Set([...Object.values(resources), ...Object.values(functions)]);

/** The file of the npm package in which a type or function is: `aws:ec2/vpc:Vpc` is in `ec2/vpc`. */
const fileOf = (token: string) => token.split(":")[1]!.replace(/^index\//, "");

describe("the plugin for AWS that is built here", () => {
  it("has the version of the npm package", () => {
    const { version } = JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8")) as {
      version: string;
    };
    expect(awsPlugin.version).toBe(version);
    expect(readFileSync(join(build.module, "info.go"), "utf8")).toContain(`const Version = "${version}"`);
  });

  it("maps Terraform's resources and data sources to types and functions that the npm package has", () => {
    for (const token of Object.values(resources)) {
      const code = readFileSync(join(packageFolder, `${fileOf(token)}.js`), "utf8");
      expect(/__pulumiType = '(.+)'/.exec(code)?.[1]).toBe(token);
    }
    for (const token of Object.values(functions)) {
      const code = readFileSync(join(packageFolder, `${fileOf(token)}.js`), "utf8");
      expect(/runtime\.invoke(?:Single)?\("(.+?)"/.exec(code)?.[1]).toBe(token);
    }
    expect(mapped.size).toBe(Object.keys(resources).length + Object.keys(functions).length);
  });

  it("has everything that the program imports", () => {
    const files = new Set([...mapped].map(fileOf));
    const imported = globSync(["src/**/*.ts", "components/**/*.ts"], { cwd: projectRoot }).flatMap((file) => {
      const text = readFileSync(join(projectRoot, file), "utf8");
      return [...text.matchAll(/^import (?!type ).*from "@pulumi\/aws\/(.+)\.js";$/gm)].map(
        ([, name]) => name!,
      );
    });
    const used = [...new Set(imported)].filter((name) => name !== "provider").toSorted();
    expect(used).toContain("ec2/vpc");
    expect(used.filter((name) => !files.has(name))).toEqual([]);
  });

  it("has every type that a stack registers", async () => {
    const recorded = [
      ...(await recordOnAws({
        "dukaan:stage": "split",
        "dukaan:nat": "instance",
        "dukaan:databaseVolume": 20,
      })),
      ...(await recordOnAws({ "dukaan:stage": "fleet", "dukaan:nat": "gateway" })),
    ];
    const types = new Set(onlyAws(recorded).map(({ type }) => type));
    expect(types.size).toBeGreaterThan(15);
    expect([...types].filter((type) => !mapped.has(type))).toEqual([]);
  });

  it("replaces only files of the Terraform provider that name its services", () => {
    const { module, files } = build.patch!;
    const folder = join(build.module, files);
    expect(module).toBe("github.com/hashicorp/terraform-provider-aws");
    expect(globSync("**/*.go", { cwd: folder }).toSorted()).toEqual([
      "internal/conns/awsclient_gen.go",
      "internal/provider/sdkv2/service_packages_gen.go",
    ]);
    expect(existsSync(join(build.module, "go.sum"))).toBe(true);
  });
});
