import * as pulumi from "@pulumi/pulumi";
import { parseSettings } from "../../src/settings/parse.js";
import type { Settings } from "../../src/settings/schema.js";

// What tests of the whole program need that record its resources.

export const artifacts = {
  api: { directory: "/bundle", digest: "b".repeat(64) },
  node: { archive: "/node.tar.gz", version: "24.21.0", digest: "c".repeat(64) },
  modules: { archive: "/nowhere/sharp.tar.gz", digest: "ef".repeat(32) },
};

const secret = (what: string) => pulumi.secret(`SENTINEL ${what}`);

/** What providers would answer, as far as others read it; secret where they make it secret. */
export function outputsOf(type: string, name: string): Record<string, unknown> {
  switch (type) {
    case "dukaan:index:SshKey":
      return { publicKey: `ssh-ed25519 AAAA ${name}`, privateKey: secret(`key of ${name}`) };
    case "dukaan:index:CertificateAuthority":
    case "dukaan:index:Certificate":
      return { certificate: `certificate of ${name}`, privateKey: secret(`key of ${name}`) };
    case "dukaan:index:AcmeAccount":
      return { privateKey: secret(`key of ${name}`), thumbprint: "THUMBPRINT" };
    case "dukaan:index:Role":
      return { digest: `digest of ${name}` };
    case "dukaan:index:Release":
    case "dukaan:index:ReleaseCandidate":
      return { digest: `digest of ${name}`, active: "0123456789ab" };
    case "dukaan:index:BootPackage":
      return { key: "boot/0123.tar.gz", digest: "0123", contentId: "0123" };
    case "hcloud:index/primaryIp:PrimaryIp":
      return { ipAddress: name.endsWith("ipv6") ? "2001:db8:0:7::" : "203.0.113.10" };
    case "hcloud:index/loadBalancer:LoadBalancer":
      return { ipv4: "203.0.113.20", ipv6: "2001:db8:0:9::1" };
    case "hcloud:index/floatingIp:FloatingIp":
      return { ipAddress: "203.0.113.99" };
    case "random:index/randomPassword:RandomPassword":
      return { result: secret(`password ${name}`) };
    case "random:index/randomId:RandomId":
      return { b64Std: "AAAAAAAAAAAAAAAAAAAAAA==" };
    default:
      return {};
  }
}

export function settingsOf(raw: Record<string, unknown>): Settings {
  const { settings, problems } = parseSettings("test", { "hcloud:token": "t".repeat(64), ...raw });
  if (!settings) throw new Error(JSON.stringify(problems));
  return settings;
}

export const backup = {
  endpoint: "https://nbg1.your-objectstorage.com",
  region: "nbg1",
  bucket: "shop-backups",
  accessKey: "SENTINEL-ACCESS-KEY",
  secretKey: "SENTINEL-SECRET-KEY",
};
export const onThisComputer = { "hcloud:endpoint": "http://127.0.0.1:8470/v1", "dukaan:backup": backup };

/** Losing one of these loses data, or addresses that others rely on. (So does the passphrase of the backups.) */
export const stateful = [
  "hcloud:index/network:Network",
  "hcloud:index/networkSubnet:NetworkSubnet",
  "hcloud:index/primaryIp:PrimaryIp",
  "hcloud:index/server:Server",
];

export function short(type: string): string {
  return type.split(":").at(-1) ?? type;
}

/** What an input is, also where it comes from resources. */
export function resolved(input: pulumi.Input<string>): Promise<string> {
  return new Promise((resolve) => {
    pulumi.output(input).apply(resolve);
  });
}
