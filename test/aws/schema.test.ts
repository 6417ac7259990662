import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { beforeAll, expect, test } from "vitest";
import { ensureAwsPlugin, ensureToolchain } from "../../toolchain/index.js";
import { awsPlugin } from "../../toolchain/tools.js";
import { describeResource, readResource, type Resource, type Schema } from "../toolchain/package-schema.js";

// Of the resources that it has, the plugin must be the one that the npm package was made for.

const folder = dirname(createRequire(import.meta.url).resolve("@pulumi/aws/package.json"));
const { resources, functions } = JSON.parse(
  readFileSync(join(awsPlugin.build.module, "tokens.json"), "utf8"),
) as Record<"resources" | "functions", Record<string, string>>;

/** Where the package is from a Terraform provider that is newer than the one to be had as a Go module. */
const newer: Readonly<Record<string, readonly string[]>> = {
  "aws:autoscaling/group:Group": ["instanceLifecyclePolicy"],
  "aws:cloudwatch/metricAlarm:MetricAlarm": ["warmUpConfiguration"],
  "aws:rds/instance:Instance": ["warningEventCategories"],
  "aws:secretsmanager/secret:Secret": ["replicas", "type"],
};

const read = (file: string) =>
  readFileSync(join(folder, file), "utf8")
    .replaceAll(/\{\s*\[key: string\]: (.+);\s*\}/g, "{[key: string]: $1}")
    // The package's names of nested types, lists of known texts and files, as the schema has them.
    .replaceAll(/outputs\.\w+\./g, "outputs.")
    .replaceAll(/enums\.[\w.]+/g, "string")
    .replaceAll("pulumi.asset.Asset | pulumi.asset.Archive", "outputs.pulumi.json#/Asset");

let schema: Schema;

beforeAll(async () => {
  const toolchain = await ensureToolchain();
  await ensureAwsPlugin(toolchain);
  const name = `resource-aws-v${awsPlugin.version}`;
  const plugin = join(toolchain.pulumiHome, "plugins", name, awsPlugin.executable);
  const { stdout } = await execa(toolchain.pulumi, ["package", "get-schema", plugin], { env: toolchain.env });
  schema = JSON.parse(stdout);
});

test("it has the resources of its list with the package's inputs, outputs, types and secrets", () => {
  const wanted = Object.values(resources).map((token) => {
    const resource = readResource(`${token.split(":")[1]}.js`, read);
    for (const key of newer[token] ?? []) expect(resource.inputs, token).toHaveProperty(key);
    return [token, asOld(token, resource)];
  });
  // The published plugin, which may be the one that is there, has all the others, too.
  const found = Object.values(resources).map((token) => [
    token,
    asOld(token, describeResource(schema.resources[token]!)),
  ]);
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(wanted));
});

/** Without what only the newer one has, or has in another shape. */
function asOld(token: string, { inputs, outputs, secret }: Resource): Resource {
  const kept = <Value>(properties: Record<string, Value>) =>
    Object.fromEntries(Object.entries(properties).filter(([key]) => !newer[token]?.includes(key)));
  return { inputs: kept(inputs), outputs: kept(outputs), secret };
}

test("it has the functions of its list with the package's arguments", () => {
  for (const token of Object.values(functions)) {
    const code = read(`${token.split(":")[1]!.replace(/^index\//, "")}.js`);
    const [, body = ""] = /runtime\.invoke(?:Single)?\(".+", \{([^}]*)\}/.exec(code) ?? [];
    const wanted = [...body.matchAll(/"(\w+)":/g)].map(([, key = ""]) => key);
    expect(Object.keys(schema.functions[token]?.inputs?.properties ?? {}).toSorted(), token).toEqual(
      wanted.toSorted(),
    );
  }
});
