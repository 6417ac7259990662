import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compareWithCloud } from "../../src/cli/recovery/orphans.js";

/** What a cloud has that gets certificates from Let's Encrypt, which the local one refuses to. */
const certificates = [
  { id: 7, name: "shop-entry-0a1b2c3d", type: "uploaded" },
  { id: 8, name: "shop-entry-shop.example.com", type: "managed" },
];
const server = createServer((request, response) => {
  const kind = new URL(request.url ?? "", "http://cloud").pathname.slice(1);
  const things = kind === "certificates" ? certificates : [];
  response.end(JSON.stringify({ [kind]: things, meta: { pagination: { next_page: null } } }));
});
let endpoint: string;

beforeAll(async () => {
  await once(server.listen(0, "127.0.0.1"), "listening");
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

describe("certificates that an interrupted run has left in the cloud", () => {
  const uploaded = "hcloud:index/uploadedCertificate:UploadedCertificate";
  const managed = "hcloud:index/managedCertificate:ManagedCertificate";

  it("are found as what they are, to be adopted by the next one", async () => {
    const { orphans, missing } = await compareWithCloud({ endpoint, token: "t" }, "shop", []);
    expect(orphans.map(({ type, id }) => [type, id])).toEqual([
      [uploaded, "7"],
      [managed, "8"],
    ]);
    const [first, second] = orphans;
    expect(second?.matches({ name: "shop-entry-shop.example.com" })).toBe(true);
    expect(first?.matches({ name: "shop-entry-shop.example.com" })).toBe(false);
    expect(missing).toEqual([]);
  });

  it("are missed when the state has them and the cloud has not", async () => {
    const resource = (type: string, id: string) => ({ urn: `urn:${id}`, type, id });
    const state = [resource(managed, "8"), resource(managed, "9"), resource(uploaded, "7")];
    const { orphans, missing, known } = await compareWithCloud({ endpoint, token: "t" }, "shop", state);
    expect(orphans).toEqual([]);
    expect(missing).toEqual(["urn:9"]);
    expect(known).toBe(2);
  });
});
