import { createPublicKey } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { thumbprintOf } from "../../providers/dukaan/resources/acme-account.js";
import { haproxy } from "../../src/roles/haproxy/index.js";
import { nginx } from "../../src/roles/nginx/index.js";
import type { RoleDefinition } from "../../src/roles/role.js";

const thumbprint = "THUMB-print_1";

async function fileOf(role: RoleDefinition, path: string): Promise<string> {
  const file = role.files?.find((each) => each.path === path);
  if (!file) throw new Error(`${role.name} has no file ${path}`);
  return new Promise((resolve) => {
    pulumi.output(file.content).apply(resolve);
  });
}

const right = ["/.well-known/acme-challenge/abc-DEF_1"];
const wrong = [
  "/.well-known/acme-challenge/",
  "/.well-known/acme-challenge/a.b",
  "/.well-known/acme-challenge/a/b",
  "/s/.well-known/acme-challenge/a",
];

describe("an ACME authority's question is answered from the account alone", () => {
  it("by nginx", async () => {
    const role = nginx({ cores: 2, public: { thumbprint }, strictTransport: true });
    const text = await fileOf(role, "/etc/nginx/public.conf");
    const question = new RegExp(/location ~ "(.*)" \{/.exec(text)?.[1] ?? "");
    expect(question.exec(right[0]!)?.[1]).toBe("abc-DEF_1");
    expect(wrong.filter((path) => question.test(path))).toEqual([]);
    expect(text).toContain(`return 200 "$1.${thumbprint}";`);
    expect(text).toMatch(/location \/ \{\s*return 308 https:/);
    expect(text).toContain("ssl_certificate_key /var/lib/dukaan/certificate/current/key.pem;");
    expect(role.files?.map(({ path }) => path)).not.toContain("/etc/nginx/tls/server.key");
  });

  it("by HAProxy, before it sends everybody to HTTPS", async () => {
    const role = haproxy({
      machine: { cores: 1, memoryMiB: 512 },
      servers: [{ name: "app-1", hostname: "lab-app-1", privateAddress: "10.10.2.10" }],
      port: 8443,
      authority: "PEM",
      public: { thumbprint },
      strictTransport: true,
    });
    const text = await fileOf(role, "/etc/haproxy/haproxy.cfg");
    const rule = /http-request return .*lf-string "(.*?)" if \{ path_reg (.*?) \}/.exec(text);
    const question = new RegExp(rule?.[2] ?? "");
    expect(right.filter((path) => question.test(path))).toEqual(right);
    expect(wrong.filter((path) => question.test(path))).toEqual([]);
    expect(rule?.[1]).toBe(`%[path,field(4,/)].${thumbprint}`);
    expect(text.indexOf("http-request return status 200")).toBeLessThan(
      text.indexOf("redirect scheme https"),
    );
    expect(text).toContain('crt "/var/lib/dukaan/certificate/current/both.pem"');
    expect(role.files?.map(({ path }) => path)).not.toContain("/etc/haproxy/tls/public.pem");
  });
});

it("the account's thumbprint is that of RFC 7638, 3.1", () => {
  const n =
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
  const key = createPublicKey({ key: { kty: "RSA", n, e: "AQAB" }, format: "jwk" });
  const pem = key.export({ type: "spki", format: "pem" }).toString();
  expect(thumbprintOf(pem)).toBe("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
});
