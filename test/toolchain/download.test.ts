import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { create } from "tar";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { download } from "../../toolchain/download.js";
import { temporaryFolder, writeFiles } from "./files.js";

beforeEach(() => void vi.stubEnv("DUKAAN_OFFLINE", ""));
afterEach(() => void vi.unstubAllEnvs());

/** A file in whose place the connection breaks. */
const broken = "broken";

/** Serves a release as its makers would: an archive and a list of checksums. */
async function publish(options: { algorithm?: string; prefix?: string; wrong?: boolean } = {}) {
  const { algorithm = "sha256", prefix = "", wrong = false } = options;
  const folder = temporaryFolder();
  writeFiles(folder, { "around/example": "#!/bin/sh\necho example\n", "around/LICENSE": "" });
  const archive = Buffer.concat(await create({ gzip: true, cwd: folder }, ["around"]).collect());
  const digest = createHash(algorithm)
    .update(wrong ? "other" : archive)
    .digest("hex");
  const files = new Map<string, string | Buffer>([
    ["/example.tar.gz", archive],
    ["/sums.txt", `${"0".repeat(64)}  other.tar.gz\n${digest}  ${prefix}example.tar.gz\n`],
  ]);
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const file = files.get(request.url ?? "");
    if (file === broken) response.destroy();
    else response.writeHead(file === undefined ? 404 : 200).end(file);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  // eslint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server's address is one
  const { port } = server.address() as AddressInfo;
  const release = {
    url: `http://127.0.0.1:${port}/`,
    archive: "example.tar.gz",
    checksums: "sums.txt",
    folders: 1,
  };
  return { release, asked, files };
}

const example = {
  title: "example",
  name: "example",
  version: "1.2.3",
  executable: "example",
  usually: "seconds",
  build: { module: "", package: "" },
};

const silent = () => undefined;

test.for([
  { algorithm: "sha256", prefix: "" }, // Pulumi's CLI
  { algorithm: "sha1", prefix: "./" }, // its plugins
  { algorithm: "sha512", prefix: "*" },
])("a release is unpacked when it has the published $algorithm", async (options) => {
  const { release } = await publish(options);
  const folder = temporaryFolder();
  expect(await download({ ...example, release }, folder, silent)).toBe(true);
  expect(readFileSync(join(folder, "example"), "utf8")).toContain("echo example");
});

test("other bytes than the published ones are an error that names both checksums", async () => {
  const { release } = await publish({ wrong: true });
  const folder = temporaryFolder();
  await expect(download({ ...example, release }, folder, silent)).rejects.toMatchObject({
    message: expect.stringMatching(/example.tar.gz has the sha256 [0-9a-f]{64}, but its makers published/),
    remedy: expect.stringContaining("DUKAAN_OFFLINE=1"),
  });
  expect(readdirSync(folder)).toEqual([]);
});

test("no way to the makers, or no such release there, is no error: something else is tried then", async () => {
  const { release, files } = await publish();
  const folder = temporaryFolder();
  const unreachable = { ...release, url: "http://127.0.0.1:1/" };
  expect(await download({ ...example, release: unreachable }, folder, silent)).toBe(false);
  files.set("/example.tar.gz", broken);
  expect(await download({ ...example, release }, folder, silent)).toBe(false);
  files.delete("/example.tar.gz");
  expect(await download({ ...example, release }, folder, silent)).toBe(false);
  files.set("/sums.txt", "nothing of interest");
  expect(await download({ ...example, release }, folder, silent)).toBe(false);
  expect(existsSync(join(folder, "example"))).toBe(false);
});

test("nobody is asked with DUKAAN_OFFLINE=1", async () => {
  vi.stubEnv("DUKAAN_OFFLINE", "1");
  const { release, asked } = await publish();
  expect(await download({ ...example, release }, temporaryFolder(), silent)).toBe(false);
  expect(asked).toEqual([]);
});
