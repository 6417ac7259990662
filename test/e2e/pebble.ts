import { createReadStream } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { projectRoot } from "../../src/project.js";
import { ensurePebble } from "../../toolchain/index.js";
import type { Lab } from "./lab.js";

/** An ACME authority on a server of its own in a lab's cloud: it comes to the shop from outside, as a real one does. */
export interface Pebble {
  /** Address of its directory. */
  directory: string;
  /** PEM: signs for the directory's HTTPS. */
  caCertificate: string;
  /** A fresh authority: with a new root, and no memory of accounts. */
  start: () => Promise<void>;
  stop: () => Promise<void>;
  /** PEM of the root that signs certificates now. */
  root: () => Promise<string>;
}

/**
 * Makes the server; the authority itself is not started yet.
 * @param instance of the lab's cloud
 * @param shop address to which every name leads
 * @param lifetimeSeconds of its certificates
 */
export async function createPebble(
  lab: Lab,
  instance: string,
  shop: string,
  lifetimeSeconds: number,
): Promise<Pebble> {
  const address = await createServer(lab, "pebble");
  const env = {
    DUKAAN_INSTANCE: instance,
    DUKAAN_STATE: join(lab.folder, "state"),
    DUKAAN_LOCAL_HOME: join(lab.folder, "local"),
  };
  const run = async (script: string, file?: string) => {
    const words = ["local", "ssh", "pebble", "--", "sh", "-euc", script];
    const input = file === undefined ? { stdin: "ignore" as const } : { input: createReadStream(file) };
    const { stdout } = await execa(join(projectRoot, "dukaan"), words, { env, ...input });
    return stdout;
  };
  const { pebble, dns } = await ensurePebble();
  await run("systemctl is-system-running --wait || true");
  await run("cat >/root/pebble; chmod +x /root/pebble", pebble);
  await run("cat >/root/dns; chmod +x /root/dns", dns);
  const config = {
    pebble: {
      listenAddress: `${address}:443`,
      managementListenAddress: "127.0.0.1:15000",
      certificate: "/root/cert.pem",
      privateKey: "/root/key.pem",
      httpPort: 80,
      tlsPort: 443,
      retryAfter: { authz: 1, order: 1 },
      profiles: { default: { description: "short", validityPeriod: lifetimeSeconds } },
    },
  };
  await run(
    `cd /root
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=pebble \
      -addext subjectAltName=IP:${address} -keyout key.pem -out cert.pem
    echo '${JSON.stringify(config)}' >pebble.json
    systemd-run -q -u dns /root/dns -defaultIPv4 ${shop} -defaultIPv6 '' -dns01 127.0.0.1:8053 \
      -http01 '' -https01 '' -tlsalpn01 '' -doh '' -management 127.0.0.1:8055`,
  );
  const management = "curl --silent --fail --insecure https://127.0.0.1:15000/roots/0";
  return {
    directory: `https://${address}/dir`,
    caCertificate: `${await run("cat /root/cert.pem")}\n`,
    start: async () => {
      await run(
        `systemd-run -q -u pebble -E PEBBLE_VA_NOSLEEP=1 -E PEBBLE_WFE_NONCEREJECT=0 \
          /root/pebble -config /root/pebble.json -dnsserver 127.0.0.1:8053
        until ${management} >/dev/null; do sleep 0.1; done`,
      );
    },
    stop: async () => {
      await run("systemctl stop pebble");
    },
    root: () => run(management),
  };
}

/** @returns its public address, when it runs */
async function createServer(lab: Lab, name: string): Promise<string> {
  type Made = { server: { id: number; status: string; public_net: { ipv4: { ip: string } } } };
  const { server } = await lab.cloud<Made>("POST", "/servers", {
    name,
    server_type: "local-512",
    image: "debian-12",
  });
  const status = async () => (await lab.cloud<Made>("GET", `/servers/${server.id}`)).server.status;
  while ((await status()) !== "running") await sleep(250);
  return server.public_net.ipv4.ip;
}
