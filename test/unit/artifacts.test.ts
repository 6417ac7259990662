import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RunError } from "@pulumi/pulumi";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findArtifacts } from "../../src/artifacts.js";

let root: string;
let runtime: { archive: string; version: string; digest: string };

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "dukaan-artifacts-"));
  mkdirSync(join(root, "dist/bundles/api"), { recursive: true });
  writeFileSync(join(root, "dist/bundles/api.json"), '{"digest":"abc","bytes":1}');
  runtime = { archive: join(root, "node.tar.gz"), version: "24.21.0", digest: "def" };
  writeFileSync(runtime.archive, "");
});

afterEach(() => rmSync(root, { recursive: true }));

describe("findArtifacts", () => {
  it("finds the bundled app and the runtime", () => {
    expect(findArtifacts(root, { DUKAAN_NODE_RUNTIME: JSON.stringify(runtime) })).toEqual({
      api: { directory: join(root, "dist/bundles/api"), digest: "abc" },
      node: runtime,
    });
  });

  it.each([
    ["is not set", () => undefined],
    ["is not JSON", () => "node"],
    ["lacks archive", () => JSON.stringify({ ...runtime, archive: undefined })],
    ["is gone", () => JSON.stringify({ ...runtime, archive: "/nowhere/node.tar.gz" })],
  ])("says how to get a runtime when it %s", (reason, text) => {
    const find = () => findArtifacts(root, { DUKAAN_NODE_RUNTIME: text() });
    expect(find).toThrow(RunError);
    expect(find).toThrow(reason);
    expect(find).toThrow("./dukaan env");
  });

  it("takes another bundle that the environment names", () => {
    const bundle = join(root, "elsewhere/api");
    mkdirSync(bundle, { recursive: true });
    writeFileSync(`${bundle}.json`, '{"digest":"fff"}');
    const variables = { DUKAAN_NODE_RUNTIME: JSON.stringify(runtime), DUKAAN_API_BUNDLE: bundle };
    expect(findArtifacts(root, variables).api).toEqual({ directory: bundle, digest: "fff" });
    rmSync(bundle, { recursive: true });
    expect(() => findArtifacts(root, variables)).toThrow(RunError);
  });

  it("stays at the bundle that a rollback named, whatever is built, also when nothing is", () => {
    rmSync(join(root, "dist"), { recursive: true });
    const variables = { DUKAAN_NODE_RUNTIME: JSON.stringify(runtime), DUKAAN_BUNDLES: "/kept" };
    expect(findArtifacts(root, variables, "abc123").api).toEqual({
      directory: "/kept/abc123",
      digest: "abc123",
    });
    expect(() => findArtifacts(root, {}, "abc123")).toThrow(/dukaan:release .*DUKAAN_BUNDLES.* is not set/);
  });

  it("says how to build the app when it is not built", () => {
    rmSync(join(root, "dist/bundles/api.json"));
    expect(() => findArtifacts(root, {})).toThrow(/api\.json does not exist\. Run `npm run build`/);
  });
});
