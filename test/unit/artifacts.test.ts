import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RunError } from "@pulumi/pulumi";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findArtifacts } from "../../src/artifacts.js";

let root: string;
let runtime: { archive: string; version: string; digest: string };
let modules: { archive: string; digest: string };

/** What the command line sets. */
const variables = () => ({
  DUKAAN_NODE_RUNTIME: JSON.stringify(runtime),
  DUKAAN_NATIVE_MODULES: JSON.stringify(modules),
});

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "dukaan-artifacts-"));
  mkdirSync(join(root, "dist/bundles/api"), { recursive: true });
  writeFileSync(join(root, "dist/bundles/api.json"), '{"digest":"abc","bytes":1}');
  runtime = { archive: join(root, "node.tar.gz"), version: "24.21.0", digest: "def" };
  writeFileSync(runtime.archive, "");
  modules = { archive: join(root, "sharp.tar.gz"), digest: "123" };
  writeFileSync(modules.archive, "");
});

afterEach(() => rmSync(root, { recursive: true }));

describe("findArtifacts", () => {
  it("finds the bundled app, the runtime and the native modules", () => {
    expect(findArtifacts(root, variables())).toEqual({
      api: { directory: join(root, "dist/bundles/api"), digest: "abc" },
      node: runtime,
      modules,
    });
  });

  it.each([
    ["is not set", () => undefined],
    ["is not JSON", () => "node"],
    ["lacks archive", () => JSON.stringify({ ...runtime, archive: undefined })],
    ["is gone", () => JSON.stringify({ ...runtime, archive: "/nowhere/node.tar.gz" })],
  ])("says how to get a runtime, or native modules, when it %s", (reason, text) => {
    for (const variable of ["DUKAAN_NODE_RUNTIME", "DUKAAN_NATIVE_MODULES"]) {
      const find = () => findArtifacts(root, { ...variables(), [variable]: text() });
      expect(find).toThrow(RunError);
      expect(find).toThrow(reason);
      expect(find).toThrow("./dukaan env");
    }
  });

  it("takes another bundle that the environment names", () => {
    const bundle = join(root, "elsewhere/api");
    mkdirSync(bundle, { recursive: true });
    writeFileSync(`${bundle}.json`, '{"digest":"fff"}');
    const named = { ...variables(), DUKAAN_API_BUNDLE: bundle };
    expect(findArtifacts(root, named).api).toEqual({ directory: bundle, digest: "fff" });
    rmSync(bundle, { recursive: true });
    expect(() => findArtifacts(root, named)).toThrow(RunError);
  });

  it("stays at the bundle that a rollback named, whatever is built, also when nothing is", () => {
    rmSync(join(root, "dist"), { recursive: true });
    const kept = { ...variables(), DUKAAN_BUNDLES: "/kept" };
    expect(findArtifacts(root, kept, "abc123").api).toEqual({
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
