import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LoadBalancerService, LoadBalancerSpec } from "../../local/machines/host.js";
import { tracesOf } from "../../local/machines/traces.js";
import { reaches } from "../../local/machines/reaches.js";
import { type MachineLab, machineSpec, openLab, sh, shOk, soon, ssh, until } from "./machine-lab.js";

/** Two machines, and what leads traffic to one or the other. */
let lab: MachineLab;
let one: Awaited<ReturnType<typeof machineSpec>>;
let two: Awaited<ReturnType<typeof machineSpec>>;

beforeAll(async () => {
  lab = await openLab("t-traffic");
  [one, two] = [await machineSpec(lab, "1"), await machineSpec(lab, "2")];
  for (const spec of [one, two]) {
    await lab.host.createMachine(spec);
    await lab.host.startMachine(spec.id);
  }
  await until(() => reaches(one.addresses.ipv4, 22));
  await until(() => reaches(two.addresses.ipv4, 22));
});
afterAll(async () => lab?.remove());

test("a floating address moves between running machines, and its traffic with it", async () => {
  const floating = one.addresses.ipv4.replace(/\d+$/, (last) => String(Number(last) + 9));
  const network = `2001:db8:${lab.instance.slot}:f0::/64`;
  const ipv6 = network.replace("/64", "5");
  for (const id of ["1", "2"]) {
    await shOk(lab, id, `ip address add ${floating}/32 dev eth0; ip address add ${ipv6}/64 dev eth0 nodad`);
  }
  expect(await reaches(floating, 22)).toBe(false);
  const who = "cat /etc/machine-id";
  for (const [spec, other] of [
    [one, two],
    [two, one],
    [one, two],
  ] as const) {
    await lab.host.setPublicAddresses(other.id, other.addresses);
    const addresses = { ...spec.addresses, floatingIpv4: [floating], floatingIpv6Networks: [network] };
    await lab.host.setPublicAddresses(spec.id, addresses);
    expect(await ssh(floating, who)).toBe(await ssh(spec.addresses.ipv4, who));
    await expect.poll(() => reaches(ipv6, 22), soon).toBe(true);
  }
  // It may also speak in that name, to those who do not take it for their own.
  await shOk(lab, "2", `ip address delete ${floating}/32 dev eth0`);
  const ping = await sh(lab, "1", `ping -c 1 -w 5 -I ${floating} ${two.addresses.ipv4}`);
  expect(ping.exitCode).toBe(0);
  await lab.host.setPublicAddresses("1", one.addresses);
  expect(await reaches(floating, 22)).toBe(false);
});

describe("a load balancer", () => {
  /** Answers with the machine's name; on port 8081 to whom the PROXY protocol names. */
  const answers = `
import http.server, socketserver, threading, socket
name = socket.gethostname()
class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        sick = self.path == "/health" and __import__("os").path.exists("/run/sick")
        headers = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Port", "Host")
        body = " ".join([name] + [str(self.headers.get(h)) for h in headers]).encode()
        self.send_response(500 if sick else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
class Proxied(socketserver.BaseRequestHandler):
    def handle(self):
        head = self.request.recv(12)
        self.request.recv(4)
        self.request.sendall(socket.inet_ntoa(self.request.recv(12)[:4]).encode())
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
threading.Thread(target=Server(("", 8081), Proxied).serve_forever).start()
http.server.ThreadingHTTPServer(("", 8080), Page).serve_forever()
`;
  let ip: string;
  let spec: LoadBalancerSpec;
  // Who answers late on a busy computer is well.
  const healthCheck = { port: 8080, interval: 1, timeout: 5, retries: 1 };
  const page = { domain: "shop.example", path: "/health", response: "", statusCodes: ["2??"], tls: false };
  const http = {
    stickySessions: false,
    cookieName: "HCLBSTICKY",
    cookieLifetime: 300,
    redirectHttp: false,
    timeoutIdle: 60,
  };
  const web: LoadBalancerService = {
    protocol: "http",
    listenPort: 80,
    destinationPort: 8080,
    proxyProtocol: false,
    http,
    certificates: [],
    healthCheck: { ...healthCheck, http: page },
  };
  const curl = async (...args: string[]): Promise<string> =>
    (await execa("curl", ["-s", "--max-time", "5", ...args], { reject: false })).stdout;
  const ask = (count: number, ...args: string[]): Promise<string[]> =>
    Promise.all(Array.from({ length: count }, async () => (await curl(...args)).split(" ")[0] ?? ""));
  const healthOf = async (listenPort: number): Promise<Record<string, string>> =>
    Object.fromEntries(
      (await lab.host.loadBalancers.state("5")).targets
        .filter((target) => target.listenPort === listenPort)
        .map(({ id, health }) => [id, health]),
    );
  const healthy = (...ids: string[]) =>
    until(async () => {
      const health = await healthOf(80);
      return ["1", "2"].every((id) => (health[id] === "healthy") === ids.includes(id));
    });
  const healthOn = (port: number) =>
    until(async () => Object.values(await healthOf(port)).every((health) => health === "healthy"));
  const set = (change: Partial<LoadBalancerSpec>) =>
    lab.host.loadBalancers.set((spec = { ...spec, ...change }));

  beforeAll(async () => {
    for (const id of ["1", "2"]) {
      await shOk(
        lab,
        id,
        `cat >/root/answers.py <<'END'\n${answers}\nEND\nsystemd-run -q python3 /root/answers.py`,
      );
    }
    ip = one.addresses.ipv4.replace(/\d+$/, (last) => String(Number(last) + 10));
    spec = {
      id: "5",
      addresses: { ipv4: ip, ipv6Network: `2001:db8:${lab.instance.slot}:f1::/64` },
      algorithm: "round_robin",
      maxConnections: 10_000,
      services: [web],
      targets: [
        { id: "1", address: one.addresses.ipv4 },
        { id: "2", address: two.addresses.ipv4 },
      ],
    };
    await lab.host.loadBalancers.set(spec);
    await healthy("1", "2");
  });

  test("spreads requests evenly, by IPv4 and IPv6, and says on whose behalf it asks", async () => {
    const names = await ask(10, `http://${ip}/`);
    expect(names.filter((name) => name === "machine-1")).toHaveLength(5);
    expect(names.filter((name) => name === "machine-2")).toHaveLength(5);
    expect(await curl(`http://[2001:db8:${lab.instance.slot}:f1::1]/`)).toMatch(/^machine-\d /);
    const { hostIpv4 } = lab.instance.addresses;
    expect(await curl("-H", "Host: a.example", `http://${ip}/`)).toMatch(
      new RegExp(`^machine-\\d ${hostIpv4} http 80 a.example$`),
    );
    const state = await lab.host.loadBalancers.state("5");
    expect(state.requests).toBeGreaterThanOrEqual(12);
    expect(state.bytesOut).toBeGreaterThan(0);
  });

  test("leaves out targets that are not well, without a failed request, and takes them back", async () => {
    await shOk(lab, "1", "touch /run/sick");
    await healthy("2");
    expect(new Set(await ask(6, `http://${ip}/`))).toEqual(new Set(["machine-2"]));
    await shOk(lab, "1", "rm /run/sick");
    await healthy("1", "2");
    expect(new Set(await ask(6, `http://${ip}/`)).size).toBe(2);
  });

  test("keeps a client at its target when sessions stick; the cookie lives as long as asked", async () => {
    await set({ services: [{ ...web, http: { ...http, stickySessions: true, cookieName: "STICK" } }] });
    await healthy("1", "2");
    const { stdout } = await execa("curl", ["-si", `http://${ip}/`]);
    const [, cookie = "", name = ""] =
      /set-cookie: (STICK=\S+?);[^]*Max-Age=300[^]*(machine-\d)/i.exec(stdout) ?? [];
    expect(new Set(await ask(6, "-H", `Cookie: ${cookie}`, `http://${ip}/`))).toEqual(new Set([name]));
  });

  test("ends TLS with the certificate for the asked name, and redirects plain HTTP", async () => {
    const certificates = await Promise.all([certificateFor("a.example"), certificateFor("b.example")]);
    const secure: LoadBalancerService = {
      ...web,
      protocol: "https",
      listenPort: 443,
      http: { ...http, redirectHttp: true },
      certificates,
    };
    await set({ services: [secure] });
    for (const name of ["a.example", "b.example"]) {
      const args = ["-k", "-v", "--resolve", `${name}:443:${ip}`, `https://${name}/`];
      await until(async () => (await curl(...args)).startsWith("machine-"));
      const { stdout, stderr } = await execa("curl", ["-s", ...args]);
      expect(stdout).toMatch(new RegExp(`^machine-\\d \\S+ https 443 ${name}$`));
      expect(stderr).toContain(`subject: CN=${name}`);
    }
    expect(await curl("-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", `http://${ip}/x`)).toBe(
      `301 https://${ip}/x`,
    );
    const folder = `${lab.instance.runFolder}/balancers/5`;
    expect((await execa("find", [folder, "-type", "f", "-perm", "/077"])).stdout).toBe("");
  });

  test("passes TCP on, with the client's address by the PROXY protocol", async () => {
    const tcp: LoadBalancerService = {
      protocol: "tcp",
      listenPort: 9000,
      destinationPort: 8081,
      proxyProtocol: true,
      certificates: [],
      healthCheck,
    };
    await set({ services: [tcp, web], algorithm: "least_connections" });
    const listen = ["-c", `exec 3<>/dev/tcp/${ip}/9000; cat <&3`];
    await healthOn(9000);
    const { stdout } = await execa("bash", listen, { timeout: 30_000 });
    expect(stdout).toBe(lab.instance.addresses.hostIpv4);
  });

  test("reaches its targets by the private network", async () => {
    await lab.host.setNetwork({ id: "9", ipRange: "10.9.0.0/16", routes: [] });
    const attachment = { networkId: "9", aliasIps: [] };
    for (const id of ["1", "2"]) {
      const macAddress = `86:00:00:00:09:0${id}`;
      await lab.host.attachNetwork(id, { ...attachment, ip: `10.9.0.1${id}`, macAddress });
    }
    await lab.host.setFirewall("1", { inbound: [], outbound: [] });
    await set({
      services: [web],
      network: { ...attachment, ip: "10.9.0.5", macAddress: "86:00:00:00:09:05" },
      targets: ["1", "2"].map((id) => ({ id, address: `10.9.0.1${id}` })),
    });
    await healthy("1", "2");
    expect(new Set(await ask(6, `http://${ip}/`)).size).toBe(2);
    expect((await sh(lab, "2", "curl -s http://10.9.0.5/")).stdout).toMatch(/^machine-\d 10.9.0.12 /);
    await lab.host.setFirewall("1", undefined);
  });

  test("changes without a failed request, outlives the local cloud's process, and comes back when it is killed", async () => {
    const load = execa("bash", [
      "-c",
      `for i in $(seq 200); do curl -sf --max-time 5 -o /dev/null http://${ip}/ || echo failed; done`,
    ]);
    for (const algorithm of ["round_robin", "least_connections", "round_robin"] as const)
      await set({ algorithm });
    lab = await lab.reopened();
    await lab.host.loadBalancers.set(spec);
    expect((await load).stdout).toBe("");
    await execa("pkill", ["-KILL", "-f", `haproxy.*${lab.instance.name}/balancers/5`]);
    await until(async () => (await curl(`http://${ip}/`)).startsWith("machine-"));
  });

  test("without services waits for them; removed, it leaves nothing", async () => {
    await set({ services: [] });
    expect(await curl(`http://${ip}/`)).toBe("");
    expect(await lab.host.loadBalancers.ids()).toEqual(["5"]);
    await lab.host.loadBalancers.remove("5");
    await lab.host.loadBalancers.remove("5");
    expect(await lab.host.loadBalancers.ids()).toEqual([]);
    expect((await tracesOf(lab.instance)).filter((line) => /lb5|haproxy/.test(line))).toEqual([]);
    await lab.remove();
    expect(await tracesOf(lab.instance)).toEqual([]);
  });
});

async function certificateFor(name: string): Promise<string> {
  const args = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  const out = ["-keyout", "-", "-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`];
  return (await execa("openssl", ["req", "-x509", ...args, ...out])).stdout;
}
