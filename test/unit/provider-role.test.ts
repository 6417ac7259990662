import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { createMask } from "../../providers/dukaan/mask.js";
import { diffRelease } from "../../providers/dukaan/release/diff.js";
import { environmentFile, releaseId, type ReleaseInputs } from "../../providers/dukaan/release/inputs.js";
import { diffRole } from "../../providers/dukaan/role/diff.js";
import type { RoleInputs } from "../../providers/dukaan/role/inputs.js";
import { applyFiles, roleDigest } from "../../providers/dukaan/role/specification.js";
import { quote } from "../../providers/dukaan/ssh/script.js";
import { unknown } from "../../providers/dukaan/values.js";

const connection = { host: "203.0.113.10", user: "root", hostKey: "ssh-ed25519 AAAA", privateKey: "KEY" };
const file = (content: string, mode = "0644") => ({ content, owner: "root", group: "root", mode });

function role(changes: Partial<RoleInputs> = {}): RoleInputs {
  return {
    connection,
    serverId: "1",
    name: "nginx",
    files: { "/etc/a": file("a"), "/etc/b": file("b") },
    ...changes,
  };
}

describe("a role's digest", () => {
  test("depends on what is applied, not on order, connection or notation", () => {
    const digest = roleDigest(role());
    expect(roleDigest(role({ files: { "/etc/b": file("b", "644"), "/etc/a": file("a") } }))).toBe(digest);
    expect(roleDigest(role({ connection: { ...connection, host: "x" }, after: ["y"], serverId: "2" }))).toBe(
      digest,
    );
    expect(roleDigest(role({ packages: [], users: [], checks: [] }))).toBe(digest);
  });

  test.each<[string, Partial<RoleInputs>]>([
    ["content", { files: { "/etc/a": file("a"), "/etc/b": file("c") } }],
    ["mode", { files: { "/etc/a": file("a"), "/etc/b": file("b", "0600") } }],
    ["a package", { packages: ["nginx"] }],
    ["a command", { activate: [["true"]] }],
    ["a service", { services: [{ name: "nginx", enabled: true, onChange: "reload" }] }],
  ])("changes with %s", (_what, change) => {
    expect(roleDigest(role(change))).not.toBe(roleDigest(role()));
  });

  test("is unknown while something of it is", () => {
    expect(roleDigest(role({ files: { "/etc/a": file(unknown) } }))).toBeUndefined();
    expect(roleDigest(role({ connection: { ...connection, host: unknown } }))).toBeDefined();
  });
});

const diff = (news: RoleInputs) => diffRole(roleDigest(role()) ?? "", role(), news);

describe("a role's diff", () => {
  test("names the files and what of them changes", () => {
    const files = { "/etc/a": file("A", "0600"), "/etc/c": file("c") };
    expect(diff(role({ files })).changes).toEqual({
      'files["/etc/a"].content': "update",
      'files["/etc/a"].mode': "update",
      'files["/etc/b"]': "delete",
      'files["/etc/c"]': "add",
    });
  });

  test("sees no difference in how the machine is reached or in what comes before", () => {
    expect(diff(role({ connection: { ...connection, host: "x" }, after: ["y"] })).changes).toEqual({});
    expect(diff(role({ packages: [] })).changes).toEqual({});
  });

  test("replaces the role when the server is another, also one not known yet", () => {
    expect(diff(role({ serverId: "2" })).replaces).toEqual(["serverId"]);
    expect(diff(role({ serverId: unknown })).replaces).toEqual(["serverId"]);
  });

  test("sees that the machine has no record of this set", () => {
    expect(diffRole("", role(), role()).changes).toEqual({ digest: "update" });
  });

  test("counts unknown content as a change", () => {
    const files = { "/etc/a": file(unknown), "/etc/b": file("b") };
    expect(diff(role({ files })).changes).toEqual({ 'files["/etc/a"].content': "update" });
  });
});

test("a role's files carry commands that a shell cannot misread", async () => {
  const words = ["printf", "%s|", "a b", "it's", '"$HOME"', "`id`", "new\nline", "{root}/x", ""];
  const files = applyFiles(role({ validate: [words] }), "d1");
  const script = files.find(({ path }) => path === "validate/1")?.content.toString() ?? "";
  const { stdout } = await execa("sh", { input: script });
  expect(stdout).toBe(
    ["a b", "it's", '"$HOME"', "`id`", "new\nline", "/var/lib/dukaan/roles/nginx/d1/root/x", ""]
      .map((w) => `${w}|`)
      .join(""),
  );
  expect(quote(["nginx", "-t", "/etc/x_1.conf"])).toBe("nginx -t /etc/x_1.conf");
});

function release(changes: Partial<ReleaseInputs> = {}): ReleaseInputs {
  return {
    connection,
    serverId: "1",
    service: "api",
    bundle: { directory: "/home/a/dukaan/dist/bundles/api", digest: "aa".repeat(32) },
    runtime: { archive: "/home/a/node.tar.gz", version: "24.21.0", digest: "bb".repeat(32) },
    user: "dukaan",
    environment: { PASSWORD: "x", LEVEL: "info" },
    ...changes,
  };
}
describe("a release", () => {
  const id = releaseId(release());

  test("is the same from another folder, and another with another bundle, runtime or environment", () => {
    const { bundle, runtime, environment } = release();
    const elsewhere = release({
      bundle: { ...bundle, directory: "/b" },
      runtime: { ...runtime, archive: "/c" },
    });
    expect(releaseId(elsewhere)).toBe(id);
    expect(diffRelease(id ?? "", release(), elsewhere).changes).toEqual({});
    const others = [
      release({ bundle: { ...bundle, digest: "cc" } }),
      release({ runtime: { ...runtime, digest: "cc" } }),
      release({ environment: { ...environment, LEVEL: "debug" } }),
      release({ modules: { archive: "/m", digest: "dd".repeat(32) } }),
    ];
    expect(new Set([id, ...others.map(releaseId)]).size).toBe(5);
    expect(others.map((other) => Object.keys(diffRelease(id ?? "", release(), other).changes))).toEqual([
      ["bundle.digest"],
      ["runtime.digest"],
      ["environment.LEVEL"],
      ["modules.digest"],
    ]);
  });

  test("that does not serve, or another that does, is a difference", () => {
    expect(diffRelease(`${id} (not serving)`, release(), release()).changes).toEqual({ active: "update" });
    expect(diffRelease("other", release(), release()).changes).toEqual({ active: "update" });
  });

  test("has no id while part of it is unknown", () => {
    expect(releaseId(release({ environment: { PASSWORD: unknown } }))).toBeUndefined();
  });

  test("has an environment that a shell reads back byte for byte", async () => {
    const value = `it's "quoted" $HOME \`id\` \\ and\nmore`;
    const { stdout } = await execa("sh", {
      input: `${environmentFile(release({ environment: { VALUE: value } }), "abc")}printf '%s|%s' "$VALUE" "$LISTEN_SOCKET"`,
    });
    expect(stdout).toBe(`${value}|/run/dukaan/api-abc.sock`);
  });
});

test("a mask hides secrets, their lines and the words in them that look like passwords", () => {
  const mask = createMask(['"shop" "SCRAM-SHA-256$4096:c2FsdA=="\n', "postgresql://shop:hunter2go@db/shop"]);
  expect(mask('ERROR: in "shop" "SCRAM-SHA-256$4096:c2FsdA==" near')).toBe("ERROR: in [secret] near");
  expect(mask("login as shop with hunter2go failed")).toBe("login as shop with [secret] failed");
  expect(mask("connection to shop refused")).toBe("connection to shop refused");
});
