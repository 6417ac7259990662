import { describe, expect, it } from "vitest";
import { findings, subject } from "./policy-subject.js";

const everybody = ["0.0.0.0/0", "::/0"];
const operators = ["198.51.100.7/32"];
const locally = { provider: { endpoint: "http://127.0.0.1:8470/v1" } };

const firewall = (rules: object[], labels = { "dukaan-tier": "app" }, more = {}) =>
  subject("hcloud:index/firewall:Firewall", { rules, labels }, more);
const opening = (port: string | undefined, sourceIps: string[], protocol = "tcp") => ({
  direction: "in",
  protocol,
  ...(port !== undefined && { port }),
  sourceIps,
});
const server = (props: object, more = {}) => subject("hcloud:index/server:Server", { ...props }, more);

describe("hetzner-public-ports", () => {
  const check = (rule: object, more = {}) =>
    findings("hetzner-public-ports", firewall([rule], undefined, more));

  it("lets the web and ping in from everywhere, and people from their own addresses", () => {
    expect(check(opening("443", everybody))).toEqual([]);
    expect(check(opening("80", everybody))).toEqual([]);
    expect(check(opening(undefined, everybody, "icmp"))).toEqual([]);
    expect(check(opening("22", operators))).toEqual([]);
    expect(check(opening("22", ["2003:d0::/32", "10.0.0.0/8"]))).toEqual([]);
    expect(check({ direction: "out", protocol: "tcp", port: "any", destinationIps: everybody })).toEqual([]);
  });

  it.each([
    [opening("22", everybody), "tcp 22 is open to 0.0.0.0/0, ::/0"],
    [opening("22", ["::/0"]), "tcp 22 is open to ::/0"],
    [opening("5432", ["198.51.100.7/32", "0.0.0.0/0"]), "tcp 5432 is open to 0.0.0.0/0"],
    [opening("80-443", everybody), "tcp 80-443 is open to 0.0.0.0/0, ::/0"],
    [opening("any", everybody), "tcp 1-65535 is open to 0.0.0.0/0, ::/0"],
    [opening(undefined, everybody), "tcp 1-65535 is open to 0.0.0.0/0, ::/0"],
    [opening("443", everybody, "udp"), "udp 443 is open to 0.0.0.0/0, ::/0"],
    [opening(undefined, everybody, "gre"), "gre 1-65535 is open to 0.0.0.0/0, ::/0"],
    // The world in parts, and what is no range.
    [opening("22", ["0.0.0.0/1", "128.0.0.0/1"]), "tcp 22 is open to 0.0.0.0/1, 128.0.0.0/1"],
    [opening("22", ["2000::/3"]), "tcp 22 is open to 2000::/3"],
    [opening("22", ["anywhere"]), "tcp 22 is open to anywhere"],
    // Hetzner's default direction.
    [{ protocol: "tcp", port: "22", sourceIps: ["0.0.0.0/0"] }, "tcp 22 is open to 0.0.0.0/0"],
  ])("refuses %j", (rule, what) => {
    expect(check(rule)).toEqual([what]);
  });

  it("lets SSH in from everywhere on the local cloud alone, and nothing else", () => {
    expect(check(opening("22", everybody), locally)).toEqual([]);
    expect(check(opening("5432", everybody), locally)).toHaveLength(1);
    for (const endpoint of [
      "https://api.hetzner.cloud/v1",
      "http://127.0.0.1.example.com/v1",
      "",
      undefined,
    ]) {
      expect(check(opening("22", everybody), { provider: { endpoint } }), endpoint).toHaveLength(1);
    }
  });
});

describe("hetzner-data-is-private", () => {
  const check = (rule: object, tier: string) =>
    findings("hetzner-data-is-private", firewall([rule], { "dukaan-tier": tier }));

  it("lets people and pings come to a data service's machine, and requests to an app's", () => {
    expect(check(opening("22", operators), "database")).toEqual([]);
    expect(check(opening(undefined, everybody, "icmp"), "database")).toEqual([]);
    expect(check(opening("443", everybody), "app")).toEqual([]);
  });

  it("opens ports of data services to nobody, and nothing else on their machines", () => {
    expect(check(opening("5432", operators), "app")).toEqual(["tcp 5432 is a data service's"]);
    expect(check(opening("9000-9100", operators), "app")).toEqual(["tcp 9000-9100 is a data service's"]);
    expect(check(opening("443", everybody), "database")).toEqual([
      "tcp 443 is open on machines of tier database",
    ]);
    expect(check(opening("22", operators, "udp"), "search")).toEqual([
      "udp 22 is open on machines of tier search",
    ]);
  });
});

describe("hetzner-server-firewall", () => {
  const check = (props: object) => findings("hetzner-server-firewall", server(props));

  it("wants one for every server with a public address", () => {
    expect(check({ firewallIds: [7], publicNets: [{ ipv4Enabled: true, ipv6Enabled: true }] })).toEqual([]);
    expect(check({ firewallIds: [], publicNets: [{ ipv4Enabled: false, ipv6Enabled: true }] })).toEqual([
      "it has no firewall",
    ]);
    // Without the block a server gets addresses.
    expect(check({})).toEqual(["it has no firewall"]);
    expect(check({ publicNets: [{ ipv4Enabled: false, ipv6Enabled: false }] })).toEqual([]);
  });
});

describe("hetzner-load-balancer-tls", () => {
  const service = (props: object) =>
    findings(
      "hetzner-load-balancer-tls",
      subject("hcloud:index/loadBalancerService:LoadBalancerService", { ...props }),
    );
  const target = (props: object) =>
    findings(
      "hetzner-load-balancer-tls",
      subject("hcloud:index/loadBalancerTarget:LoadBalancerTarget", { ...props }),
    );

  it("wants TLS, a redirect, and the private network behind it", () => {
    expect(service({ protocol: "https", http: { redirectHttp: true } })).toEqual([]);
    expect(target({ usePrivateIp: true })).toEqual([]);
    expect(service({ protocol: "http" })).toEqual(["it speaks http, not https"]);
    expect(service({ protocol: "tcp", listenPort: 5432 })).toEqual(["it speaks tcp, not https"]);
    expect(service({ protocol: "https", http: {} })).toEqual(["it does not lead HTTP to HTTPS"]);
    expect(target({})).toEqual(["it reaches servers over the public network"]);
  });
});

describe("hetzner-user-data", () => {
  const key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk=\n-----END OPENSSH PRIVATE KEY-----\n";
  const check = (userData: string) => findings("hetzner-user-data", server({ userData }));

  it("lets the machine's own host key pass, and settings that only sound like secrets", () => {
    const config = { ssh_pwauth: false, ssh_authorized_keys: ["ssh-ed25519 AAAA"], lock_passwd: true };
    const text = `#cloud-config\n${JSON.stringify({ ...config, ssh_keys: { ed25519_private: key } })}`;
    expect(check(text)).toEqual([]);
    expect(check("#!/bin/sh\ntoken=$(curl --silent https://example.com/token)\n")).toEqual([]);
    expect(check("#!/bin/sh\napt-get install --yes nginx # see https://example.com/docs\n")).toEqual([]);
  });

  it.each([
    [`#cloud-config\nwrite_files:\n  - content: ${JSON.stringify(key)}\n`, "a private key"],
    [`#!/bin/sh\ncat > key <<'E'\n${key}E\n`, "a private key"],
    [`#cloud-config\nssh_keys: {\n${key}`, "a private key"],
    [
      "#!/bin/sh\nexport DATABASE_URL=postgres://shop:hunter2hunter2@10.0.0.1/shop\n",
      "a URL with a password",
    ],
    ["#!/bin/sh\nexport PGPASSWORD=correct-horse\n", "a password or token"],
    ["#cloud-config\nusers: [{ name: ada, hashed_passwd: $6$correct-horse }]\n", "a password or token"],
    ['#cloud-config\nusers: [{ name: ada, plain_text_passwd: "correct-horse" }]\n', "a password or token"],
    ["#cloud-config\nchpasswd:\n  users: [{ name: ada, type: RANDOM }]\n", "passwords of users"],
    ["#!/bin/sh\naws configure set aws_access_key_id AKIAABCDEFGHIJKLMNOP\n", "an access key of AWS"],
    [`#!/bin/sh\nhcloud ${"aB3dE6gH".repeat(8)}\n`, "a token of Hetzner Cloud"],
  ])("finds what is in %j, and does not repeat it", (text, what) => {
    expect(check(text)).toContain(`its user data holds ${what}`);
    expect(check(text).join()).not.toMatch(/hunter2|correct-horse|AKIA|aB3d|b3Blb/);
  });
});

describe("hetzner-protected", () => {
  const types: [type: string, ways: string[]][] = [
    ["hcloud:index/server:Server", ["deleteProtection", "rebuildProtection"]],
    ["hcloud:index/volume:Volume", ["deleteProtection"]],
    ["hcloud:index/primaryIp:PrimaryIp", ["deleteProtection"]],
    ["hcloud:index/floatingIp:FloatingIp", ["deleteProtection"]],
    ["hcloud:index/loadBalancer:LoadBalancer", ["deleteProtection"]],
    ["hcloud:index/network:Network", ["deleteProtection"]],
    ["hcloud:index/networkSubnet:NetworkSubnet", []],
  ];

  it.each(types)("wants %s kept by Pulumi and by Hetzner", (type, ways) => {
    const props = Object.fromEntries(ways.map((way) => [way, true]));
    expect(findings("hetzner-protected", subject(type, props))).toEqual([]);
    expect(findings("hetzner-protected", subject(type, props, { protect: false }))).toEqual([
      "it lacks protect",
    ]);
    for (const way of ways) {
      const one = subject(type, { ...props, [way]: false });
      expect(findings("hetzner-protected", one)).toEqual([`it lacks ${way}`]);
    }
    expect(findings("hetzner-protected", subject(type, {}, { protect: false, ...locally }))).toEqual([]);
  });

  it("leaves what can be made again alone", () => {
    const one = subject("hcloud:index/firewall:Firewall", {}, { protect: false });
    expect(findings("hetzner-protected", one)).toEqual([]);
  });
});

describe("hetzner-addresses-stay", () => {
  it("wants addresses that outlive their servers", () => {
    const address = (props: object) =>
      findings("hetzner-addresses-stay", subject("hcloud:index/primaryIp:PrimaryIp", { ...props }));
    expect(address({ autoDelete: false })).toEqual([]);
    expect(address({ autoDelete: true })).toEqual(["it is deleted with its server"]);
    expect(address({})).toEqual(["it is deleted with its server"]);
  });
});

describe("hetzner-labels", () => {
  const check = (labels: unknown, type = "hcloud:index/volume:Volume") =>
    findings("hetzner-labels", subject(type, { labels }));

  it("wants the stack's name on everything that can bear it", () => {
    expect(check({ "dukaan-stack": "prod" })).toEqual([]);
    expect(check({ "dukaan-stack": "staging" })).toEqual(['its label dukaan-stack is "staging", not "prod"']);
    expect(check(undefined)).toEqual(['its label dukaan-stack is missing, not "prod"']);
    expect(check({}, "hcloud:index/sshKey:SshKey")).toHaveLength(1);
    expect(check({}, "hcloud:index/uploadedCertificate:UploadedCertificate")).toHaveLength(1);
    expect(check(undefined, "hcloud:index/serverNetwork:ServerNetwork")).toEqual([]);
  });
});
