import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { projectRoot } from "../../local/machines/project-root.js";
import { ensureToolchain } from "../../toolchain/index.js";

/** A stack with one resource of each type that the hcloud plugin can make in a local cloud. */
export interface PluginStack {
  /** Runs Pulumi; what it printed. @param wish changes the program: `{ step: "two" }`. @throws with what it printed */
  pulumi(wish: object, ...command: string[]): Promise<string>;
  /**
   * Imports what the stack has into another one: the types, and the errors that Pulumi printed. Records of zones are
   * tried apart: the plugin cannot import them.
   */
  importAll(): Promise<{ types: string[]; failed: string[]; ofRecords: string[] }>;
  remove(): Promise<void>;
}

/** The program; WISH says which of its two states is wanted. */
const source = `
import * as hcloud from "@pulumi/hcloud";
const wish = JSON.parse(process.env.WISH);
const two = wish.step === "two";
const location = "fsn1";
const labels = { step: two ? "two" : "one" };
const id = (resource) => resource.id.apply(Number);

const key = new hcloud.SshKey("key", { publicKey: wish.publicKey, labels });
const group = new hcloud.PlacementGroup("group", { type: "spread", labels });
const network = new hcloud.Network("network", { ipRange: "10.0.0.0/16", labels });
const subnet = new hcloud.NetworkSubnet("subnet", { networkId: id(network), type: "cloud", networkZone: "eu-central", ipRange: "10.0.1.0/24" });
new hcloud.NetworkRoute("route", { networkId: id(network), destination: "10.100.0.0/24", gateway: "10.0.1.9" }, { dependsOn: subnet });
const firewall = new hcloud.Firewall("firewall", {
  rules: [{ direction: "in", protocol: "tcp", port: two ? "443" : "80", sourceIps: ["0.0.0.0/0", "::/0"] }],
});
const primary = new hcloud.PrimaryIp("primary", { type: "ipv4", location, autoDelete: false, labels });
const server = new hcloud.Server("server", {
  serverType: "local-512",
  image: "debian-12",
  location,
  sshKeys: [key.id],
  placementGroupId: id(group),
  publicNets: [{ ipv4Enabled: true, ipv4: id(primary), ipv6Enabled: true }],
  labels,
  firewallIds: [id(firewall)],
});
const inNetwork = new hcloud.ServerNetwork("server-network", { serverId: id(server), subnetId: subnet.id, ip: "10.0.1.5" });
new hcloud.Rdns("rdns", { primaryIpId: id(primary), ipAddress: primary.ipAddress, dnsPtr: two ? "two.example" : "one.example" });

const volume = new hcloud.Volume("volume", { size: two ? 20 : 10, location, format: "ext4", labels });
new hcloud.VolumeAttachment("attachment", { volumeId: id(volume), serverId: id(server), automount: true });
new hcloud.Volume("own-volume", { size: 10, serverId: id(server), format: "xfs", automount: true });

const floating = new hcloud.FloatingIp("floating", { type: "ipv4", homeLocation: location, description: labels.step });
new hcloud.FloatingIpAssignment("assignment", { floatingIpId: id(floating), serverId: id(server) });

const certificate = new hcloud.UploadedCertificate("certificate", { certificate: wish.certificate, privateKey: wish.privateKey, labels });
const balancer = new hcloud.LoadBalancer("balancer", {
  loadBalancerType: two ? "lb21" : "lb11",
  location,
  algorithm: { type: two ? "least_connections" : "round_robin" },
  labels,
});
const balancerNetwork = new hcloud.LoadBalancerNetwork("balancer-network", { loadBalancerId: id(balancer), subnetId: subnet.id, ip: "10.0.1.6" });
new hcloud.LoadBalancerService("https", {
  loadBalancerId: balancer.id,
  protocol: "https",
  http: { certificates: [id(certificate)], redirectHttp: true, stickySessions: two, cookieName: "SHOP", cookieLifetime: 60 },
  healthCheck: { protocol: "http", port: 80, interval: 5, timeout: 3, retries: 2, http: { path: "/readyz", statusCodes: ["200"] } },
});
new hcloud.LoadBalancerService("tcp", { loadBalancerId: balancer.id, protocol: "tcp", listenPort: 5432, destinationPort: 5432, proxyprotocol: two });
const target = { loadBalancerId: id(balancer), usePrivateIp: true };
new hcloud.LoadBalancerTarget("server-target", { ...target, type: "server", serverId: id(server) }, { dependsOn: [balancerNetwork, inNetwork] });
new hcloud.LoadBalancerTarget("label-target", { ...target, type: "label_selector", labelSelector: "step" }, { dependsOn: [balancerNetwork, inNetwork] });

const attached = new hcloud.Firewall("attached", { rules: [] });
new hcloud.FirewallAttachment("firewall-attachment", { firewallId: id(attached), labelSelectors: ["guarded=yes"] });
new hcloud.Snapshot("snapshot", { serverId: id(server), description: labels.step, labels });
const zone = new hcloud.Zone("zone", { name: wish.zone ?? "plugin.example", mode: "primary", ttl: two ? 700 : 600, labels });
new hcloud.ZoneRrset("rrset", { zone: zone.name, name: "www", type: "A", ttl: two ? 120 : 60, records: [{ value: "203.0.113.9", comment: labels.step }] });
new hcloud.ZoneRecord("record", { zone: zone.name, name: "api", type: "A", value: "203.0.113.10", comment: labels.step });
`;

/** A resource as a stack's state has it. */
interface Exported {
  urn: string;
  type: string;
  id?: string;
  outputs: Record<string, string | number>;
}

/** What the plugin imports by something else than its id. */
const importIds: Record<string, (outputs: Exported["outputs"]) => string> = {
  LoadBalancerTarget: ({ loadBalancerId, type, serverId, labelSelector }) =>
    [loadBalancerId, type, type === "server" ? serverId : labelSelector].join("__"),
  FirewallAttachment: ({ firewallId }) => String(firewallId),
  ZoneRrset: ({ zone, name, type }) => [zone, name, type].join("/"),
};

/** @param cloud where it is, as all clients take it */
export async function pluginStack(cloud: Record<string, string>, secrets: object): Promise<PluginStack> {
  const folder = await mkdtemp(join(tmpdir(), "dukaan-conformance-"));
  await writeFile(join(folder, "index.mjs"), source);
  await writeFile(join(folder, "package.json"), '{ "name": "test", "version": "0.0.0", "type": "module" }');
  const runtime = "runtime: { name: nodejs, options: { typescript: false } }";
  await writeFile(join(folder, "Pulumi.yaml"), `name: test\nmain: index.mjs\n${runtime}\n`);
  await symlink(join(projectRoot(), "node_modules"), join(folder, "node_modules"));
  const { HCLOUD_ENDPOINT = "", HCLOUD_TOKEN = "" } = cloud;
  const toolchain = await ensureToolchain();
  const env = {
    ...toolchain.env,
    ...cloud,
    PULUMI_BACKEND_URL: `file://${folder}`,
    PULUMI_CONFIG_PASSPHRASE: "test",
    PULUMI_STACK: "test",
  };
  const stack: PluginStack = {
    async pulumi(wish, ...command) {
      const { all, exitCode } = await execa("pulumi", [...command, "--non-interactive", "--color=never"], {
        cwd: folder,
        env: { ...env, WISH: JSON.stringify({ ...secrets, ...wish }) },
        all: true,
        reject: false,
      });
      if (exitCode !== 0) throw new Error(all);
      return all;
    },
    async importAll() {
      const exported: { deployment: { resources: Exported[] } } = JSON.parse(
        await stack.pulumi({}, "stack", "export"),
      );
      const resources = exported.deployment.resources.filter(
        ({ id, type }) => id !== undefined && type.startsWith("hcloud:"),
      );
      const wanted = resources.map(({ urn, type, id, outputs }) => ({
        type,
        name: urn.split("::").at(-1),
        id: importIds[type.split(":").at(-1) ?? ""]?.(outputs) ?? id,
      }));
      await stack.pulumi({}, "stack", "init", "imported", "--no-select");
      const other = ["--stack", "imported"];
      for (const key of ["endpoint", "token"]) {
        const value = key === "token" ? ["--secret", HCLOUD_TOKEN] : [HCLOUD_ENDPOINT];
        await stack.pulumi({}, "config", "set", ...other, `hcloud:${key}`, ...value);
      }
      const file = join(folder, "imports.json");
      const options = ["--yes", "--skip-preview", "--generate-code=false", "--protect=false"];
      const errorsOf = async (some: typeof wanted): Promise<string[]> => {
        await writeFile(file, JSON.stringify({ resources: some }));
        const said = await stack.pulumi({}, "import", ...other, "--file", file, ...options).catch(String);
        return said.split("\n").filter((line) => /error:/.test(line));
      };
      const isRecord = ({ type }: { type: string }): boolean => type.endsWith(":ZoneRecord");
      const failed = await errorsOf(wanted.filter((one) => !isRecord(one)));
      const ofRecords = await errorsOf(wanted.filter(isRecord));
      const types = [...new Set(wanted.filter((one) => !isRecord(one)).map(({ type }) => type))];
      await stack.pulumi({}, "stack", "rm", ...other, "--yes", "--force");
      return { types, failed, ofRecords };
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
  await stack.pulumi({}, "stack", "init", "test");
  await stack.pulumi({}, "config", "set", "hcloud:endpoint", HCLOUD_ENDPOINT);
  await stack.pulumi({}, "config", "set", "--secret", "hcloud:token", HCLOUD_TOKEN);
  return stack;
}
