import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, test } from "vitest";
import { ensureToolchain } from "../../toolchain/index.js";
import { plugins } from "../../toolchain/tools.js";
import { describeResource, readResource, type Schema, typesOf } from "./package-schema.js";

// A plugin that was built here must be the one that the npm package was made for.

describe.each(plugins.map(({ name }) => name))("plugin %s", (name) => {
  const folder = dirname(createRequire(import.meta.url).resolve(`@pulumi/${name}/package.json`));
  const read = (file: string) =>
    readFileSync(join(folder, file), "utf8").replaceAll(
      /\{\s*\[key: string\]: (.+);\s*\}/g,
      "{[key: string]: $1}",
    );
  const modules = readdirSync(folder).filter((file) => file.endsWith(".js"));
  let schema: Schema;

  beforeAll(async () => {
    const { pulumi, pulumiHome, env } = await ensureToolchain();
    const { version } = JSON.parse(read("package.json")) as { version: string };
    const plugin = join(pulumiHome, "plugins", `resource-${name}-v${version}`, `pulumi-resource-${name}`);
    const { stdout } = await execa(pulumi, ["package", "get-schema", plugin], { env });
    schema = JSON.parse(stdout);
  });

  test("it has the package's resources with their inputs, outputs, types and secrets", () => {
    const wanted = modules.flatMap((file) => {
      const token = /__pulumiType = '(.+)'/.exec(read(file))?.[1];
      return token === undefined || file === "provider.js" ? [] : [[token, readResource(file, read)]];
    });
    expect(wanted.length).toBeGreaterThan(5);
    const found = Object.entries(schema.resources).map(([token, resource]) => [
      token,
      describeResource(resource),
    ]);
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(wanted));
  });

  test("it has the package's functions with their arguments", () => {
    const wanted = modules.flatMap((file) => {
      const [, token, body = ""] = /runtime\.invoke(?:Single)?\("(.+)", \{([^}]*)\}/.exec(read(file)) ?? [];
      return token === undefined ? [] : [[token, [...body.matchAll(/"(\w+)":/g)].map((match) => match[1])]];
    });
    const found = Object.entries(schema.functions)
      .filter(([token]) => !token.startsWith("pulumi:providers:")) // methods of the provider itself
      .map(([token, { inputs }]) => [token, Object.keys(inputs?.properties ?? {})]);
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(wanted));
  });

  test("nested values have the package's properties", () => {
    const used = Object.entries(schema.types ?? {});
    const source = used.length === 0 ? "" : read("types/output.d.ts");
    for (const [token, { properties, required = [], language }] of used) {
      const type = token.split(":").at(-1) ?? "";
      const body = new RegExp(`interface ${type} \\{(.*?)\\n\\}`, "s").exec(source)?.[1];
      // Some types occur only in inputs.
      if (body === undefined) continue;
      const wanted = [...body.matchAll(/^ {4}(\w+)(\??): (.+);$/gm)].map(([, key = "", mark, text]) => [
        key,
        mark === "?" ? `${text} | undefined` : text,
      ]);
      expect({ type, ...typesOf(properties, language?.nodejs?.requiredOutputs ?? required) }).toEqual({
        type,
        ...Object.fromEntries(wanted),
      });
    }
  });
});
