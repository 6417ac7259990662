import { describe, expect, it } from "vitest";
import { nginx } from "../../src/roles/nginx/index.js";
import type { RoleDefinition } from "../../src/roles/role.js";

function nginxConf(strictTransport: boolean): string {
  const role = nginx({ cores: 2, public: { certificate: "", privateKey: "" }, strictTransport });
  return ["nginx.conf", "shop.conf", "public.conf"]
    .map((name) => fileOf(role, `/etc/nginx/${name}`))
    .join("\n");
}

function fileOf(role: RoleDefinition, path: string): string {
  const content = role.files?.find((file) => file.path === path)?.content;
  if (typeof content !== "string") throw new Error(`${role.name} has no plain file ${path}`);
  return content;
}

describe("nginx", () => {
  it("announces HTTPS for good only where browsers know the authority", () => {
    expect(nginxConf(true)).toContain("add_header Strict-Transport-Security");
    expect(nginxConf(false)).not.toContain("add_header Strict-Transport-Security");
  });

  it("hands requests to the socket without keep-alive, and metrics to nobody", () => {
    expect(nginxConf(false)).toMatch(/upstream api \{\s*server unix:\/run\/dukaan\/api\.sock max_fails=0;/);
    expect(nginxConf(false)).toMatch(/server unix:\/run\/dukaan\/api-standby\.sock backup/);
    expect(nginxConf(false)).not.toMatch(/^\s*keepalive \d/m);
    expect(nginxConf(false)).toMatch(/location = \/metrics \{\s*return 404;/);
  });
});

describe("nginx, where a request may be sent on although its answer was lost", () => {
  const pattern =
    /location ~ (\S+) \{\s*proxy_pass http:\/\/api;\s*proxy_next_upstream error non_idempotent;/;
  const repeatable = new RegExp(pattern.exec(nginxConf(false))?.[1] ?? "-");

  it.each(["/s/ashas-sarees/checkout", "/api/v1/stores/ashas-sarees/orders"])("is %s", (path) => {
    expect(repeatable.test(path)).toBe(true);
  });

  it.each(["/stores", "/s/ashas-sarees/cart", "/admin/ashas-sarees/products", "/s/a/b/checkout"])(
    "is not %s",
    (path) => {
      expect(repeatable.test(path)).toBe(false);
    },
  );
});
