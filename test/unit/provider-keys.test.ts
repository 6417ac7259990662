import { X509Certificate } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer } from "node:tls";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ResourceType } from "../../providers/dukaan/resource.js";
import { createCertificate } from "../../providers/dukaan/resources/certificate.js";
import { createCertificateAuthority } from "../../providers/dukaan/resources/certificate-authority.js";
import { resourceType } from "../../providers/dukaan/types.js";
import { isSecret, type Properties, type Value } from "../../providers/dukaan/values.js";
import { TestEngine } from "./provider-engine.js";

const authority = "dukaan:index:CertificateAuthority";
const certificate = "dukaan:index:Certificate";
const day = 24 * 3600 * 1000;
let engine: TestEngine;
let folder: string;
let now = Date.now();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dukaan-keys-"));
  const withClock: Record<string, ResourceType> = {
    [authority]: createCertificateAuthority(() => now),
    [certificate]: createCertificate(() => now),
  };
  engine = await TestEngine.start((token) => Promise.resolve(withClock[token] ?? resourceType(token)));
});
afterAll(async () => {
  engine.close();
  await rm(folder, { recursive: true });
});

function text(value: Value | undefined): string {
  if (typeof value !== "string") throw new Error("not a text");
  return value;
}

describe("an SSH key", () => {
  test("has a public key of 32 bytes each time: one in 256 begins with a zero", async () => {
    const { sshKey } = await import("../../providers/dukaan/resources/ssh-key.js");
    const context = { preview: false } as Parameters<typeof sshKey.create>[1];
    for (let count = 0; count < 1500; count++) {
      const { outputs } = await sshKey.create({ comment: "many" }, context);
      const [, body] = (outputs as { publicKey: string }).publicKey.split(" ");
      expect(Buffer.from(body!, "base64")).toHaveLength(51);
    }
  });

  test("is accepted by ssh-keygen, which derives the same public key from the private one", async () => {
    const { publicKey, privateKey } = await engine.up("dukaan:index:SshKey", "key", {
      comment: "deploy@lab",
    });
    const path = join(folder, "key");
    await writeFile(path, text(privateKey), { mode: 0o600 });
    const { stdout } = await execa("ssh-keygen", ["-y", "-f", path]);
    expect(stdout).toBe(publicKey);
    expect(stdout).toMatch(/^ssh-ed25519 \S+ deploy@lab$/);
    expect(isSecret(engine.state("key").outputs["privateKey"])).toBe(true);
  });

  test("stays the same under a new comment", async () => {
    const { publicKey } = engine.outputs("key");
    const renamed = await engine.up("dukaan:index:SshKey", "key", { comment: "deploy@prod" });
    expect(renamed["publicKey"]).toBe(text(publicKey).replace("deploy@lab", "deploy@prod"));
    expect(isSecret(engine.state("key").outputs["privateKey"])).toBe(true);
    await expect(engine.check("dukaan:index:SshKey", { comment: "two words" })).rejects.toThrow(
      /^comment: must be/,
    );
  });
});

describe("certificates", () => {
  const ca = { commonName: "Dukaan test CA", validityDays: 3650 };
  const leaf = {
    commonName: "shop",
    dnsNames: ["localhost", "shop.internal"],
    ipAddresses: ["127.0.0.1", "2001:db8::10"],
  };

  async function issue(changes: Properties = {}): Promise<Properties> {
    const issuer = await engine.up(authority, "ca", ca);
    const inputs = { caCertificate: issuer["certificate"] ?? "", caPrivateKey: issuer["privateKey"] ?? "" };
    return engine.up(certificate, "leaf", { ...inputs, ...leaf, validityDays: 90, ...changes });
  }

  test("are trusted by OpenSSL, for servers and for the names in them only", async () => {
    const issued = await issue();
    await writeFile(join(folder, "ca.pem"), text(engine.outputs("ca")["certificate"]));
    await writeFile(join(folder, "leaf.pem"), text(issued["certificate"]));
    const verify = (...options: string[]) =>
      execa(
        "openssl",
        ["verify", "-x509_strict", "-CAfile", join(folder, "ca.pem"), ...options, join(folder, "leaf.pem")],
        {
          reject: false,
        },
      );
    expect((await verify("-purpose", "sslserver", "-verify_ip", "127.0.0.1")).stdout).toMatch(/OK$/);
    expect((await verify("-verify_ip", "2001:db8::10")).stdout).toMatch(/OK$/);
    expect((await verify("-verify_hostname", "shop.internal")).stdout).toMatch(/OK$/);
    expect((await verify("-verify_hostname", "other.internal")).stderr).toMatch(/hostname mismatch/i);
    expect((await verify("-purpose", "sslclient")).exitCode).not.toBe(0);
    for (const name of ["ca", "leaf"]) expect(isSecret(engine.state(name).outputs["privateKey"])).toBe(true);
  });

  test("serve TLS to a client that knows the authority", async () => {
    const issued = await issue();
    const server = createServer(
      { cert: text(issued["certificate"]), key: text(issued["privateKey"]) },
      (socket) => socket.end("hello"),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const greeting = await new Promise<string>((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", ca: text(engine.outputs("ca")["certificate"]) });
      socket.on("data", (data) => resolve(data.toString()));
      socket.on("error", reject);
    });
    server.close();
    expect(greeting).toBe("hello");
  });

  test("stay until a third of their time is left, then are renewed with a new key", async () => {
    now = Date.now();
    const first = await issue();
    now += 59 * day;
    expect(await issue()).toEqual(first);
    now += 2 * day;
    const renewed = await issue();
    expect(renewed["privateKey"]).not.toBe(first["privateKey"]);
    expect(Date.parse(text(renewed["notAfter"]))).toBeGreaterThan(
      Date.parse(text(first["notAfter"])) + 50 * day,
    );
    expect(await issue()).toEqual(renewed);
  });

  test("are issued anew when a name changes, and never outlive their authority", async () => {
    const before = await issue();
    const after = await issue({ dnsNames: ["new.internal"] });
    expect(new X509Certificate(text(after["certificate"])).subjectAltName).toContain("DNS:new.internal");
    expect(after["certificate"]).not.toBe(before["certificate"]);
    const long = await issue({ validityDays: 7000 });
    expect(long["notAfter"]).toBe(engine.outputs("ca")["notAfter"]);
  });

  test("an authority can be held to domains and ranges", async () => {
    now = Date.now();
    const limits = {
      permittedDnsDomains: ["internal"],
      permittedIpRanges: ["203.0.113.0/24", "2001:db8::/32"],
    };
    const held = await engine.up(authority, "held", { ...ca, ...limits });
    await writeFile(join(folder, "held.pem"), text(held["certificate"]));
    const verify = async (name: string, ip: string) => {
      const inputs = { caCertificate: held["certificate"] ?? "", caPrivateKey: held["privateKey"] ?? "" };
      const names = { commonName: "x", dnsNames: [name], ipAddresses: [ip], validityDays: 90 };
      const { outputs } = await engine.create(
        certificate,
        await engine.check(certificate, { ...inputs, ...names }),
      );
      const path = join(folder, "held-leaf.pem");
      await writeFile(path, text(outputs["certificate"]));
      return (
        await execa("openssl", ["verify", "-CAfile", join(folder, "held.pem"), path], {
          all: true,
          reject: false,
        })
      ).all;
    };
    expect(await verify("shop.internal", "203.0.113.10")).toMatch(/OK$/);
    expect(await verify("shop.internal", "2001:db8:1::1")).toMatch(/OK$/);
    expect(await verify("bank.example", "203.0.113.10")).toMatch(/permitted subtree violation/);
    expect(await verify("shop.internal", "198.51.100.1")).toMatch(/permitted subtree violation/);
  });

  test.each([
    [authority, { ...ca, validityDays: 0 }, /^validityDays: must be 1 to 7300/],
    [
      authority,
      { ...ca, permittedIpRanges: ["10.0.0.0/33"] },
      /^permittedIpRanges\[0\]: 10.0.0.0\/33 is not a range/,
    ],
    [certificate, { ...leaf, dnsNames: ["-x.example"] }, /^dnsNames\[0\]: -x.example is not a DNS name/],
    [
      certificate,
      { ...leaf, ipAddresses: ["127.1"] },
      /^ipAddresses\[0\]: 127.1 is not an IPv4 or IPv6 address/,
    ],
    [
      certificate,
      { ...leaf, dnsNames: [], ipAddresses: [] },
      /^dnsNames: a certificate needs a DNS name or an IP/,
    ],
  ])("%s refuses %j", async (token, inputs: Properties, message) => {
    const issuer = token === certificate ? { caCertificate: "", caPrivateKey: "", validityDays: 90 } : {};
    await expect(engine.check(token, { ...issuer, ...inputs })).rejects.toThrow(message);
  });
});
