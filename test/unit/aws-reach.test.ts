import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sshAccess } from "../../src/cli/commands/ssh.js";
import type { Session } from "../../src/cli/session.js";
import { projectRoot } from "../../src/project.js";
import { provision, type StackOutputs } from "../../src/provision.js";
import { record, settingsOnAws } from "./on-aws.js";
import { artifacts } from "./provisioned.js";
import type { RecordedResource } from "./record-resources.js";

const tunnel = {
  endpointId: "eice-0123456789abcdef0",
  dnsName: "eice-0123456789abcdef0.test",
  region: "us-east-1",
};
const machines = { "app-1": "10.10.2.10", "database-1": "10.10.3.10" };

let resources: RecordedResource[];
let outputs: Record<string, unknown>;
const folder = mkdtempSync(join(tmpdir(), "dukaan-reach-"));

beforeAll(async () => {
  let declared: StackOutputs | undefined;
  resources = await record(async () => {
    declared = await provision(settingsOnAws({ "dukaan:stage": "split" }), artifacts);
  });
  outputs = await new Promise((resolve) => {
    pulumi.output(declared).apply((known) => resolve(known as unknown as Record<string, unknown>));
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("machines on AWS", () => {
  test("are configured at their private addresses, through the endpoint", () => {
    const configured = resources.filter(({ type }) => /dukaan:index:(Role|Release)/.test(type));
    expect(configured.length).toBe(7);
    for (const { name, inputs } of configured) {
      const machine = name.split("-").slice(0, 2).join("-");
      expect(inputs["connection"], name).toMatchObject({
        host: machines[machine as keyof typeof machines],
        user: "root",
        tunnel,
      });
    }
  });

  test("are reached the same way by whoever reads the stack's outputs", () => {
    expect(outputs).toMatchObject({
      ssh: { "app-1": "root@10.10.2.10", "database-1": "root@10.10.3.10" },
      tunnels: { "app-1": tunnel, "database-1": tunnel },
      knownHosts: "10.10.2.10 ssh-ed25519 AAAA app-1\n10.10.3.10 ssh-ed25519 AAAA database-1\n",
    });
  });

  test("get OpenSSH a command of ours as its way, which a shell takes as it is meant", async () => {
    const session = { stack: { directory: folder } } as unknown as Session;
    const { targets, options } = await sshAccess(session, outputs);
    // OpenSSH's own view of the options.
    const { stdout } = await execa("ssh", ["-G", "-F", "none", ...options, targets["database-1"]!]);
    const [command] = /(?<=^proxycommand ).*/m.exec(stdout) ?? [];
    const written = command!.replaceAll("%%", "%").replace("%h", "10.10.3.10").replace("%p", "22");
    const { stdout: words } = await execa("sh", ["-c", `printf '%s\\n' ${written}`]);
    expect(words.split("\n")).toEqual([
      process.execPath,
      join(projectRoot, "dist/src/cli/main.js"),
      "ssh-proxy",
      "--endpoint",
      tunnel.endpointId,
      "--dns-name",
      tunnel.dnsName,
      "--region",
      tunnel.region,
      "10.10.3.10",
      "22",
    ]);
    expect(readFileSync(join(folder, "ssh/known_hosts"), "utf8")).toBe(outputs["knownHosts"]);
  });

  test("that are reached in different ways are refused, not dialled wrongly", async () => {
    const session = { stack: { directory: folder } } as unknown as Session;
    const some = { ...outputs, tunnels: { "app-1": tunnel } };
    await expect(sshAccess(session, some)).rejects.toThrow("are reached in different ways");
  });
});

test("the role of every machine knows the public by where it comes from, lets in the operators' door, and asks AWS for the time", () => {
  const role = resources.find(({ name }) => name === "app-1-base");
  const files = role?.inputs["files"] as Record<string, { content: string }>;
  const rules = files["/etc/nftables.conf"]!.content.replaceAll(/\{ ([^}\n]*) \}/g, "($1)");
  const chain = (name: string) =>
    new RegExp(`chain ${name} \\{\\n([^}]*)\\}`).exec(rules)?.[1]?.trim().split(/\n\s*/);
  expect(chain("inside")).toEqual([
    "ip saddr (10.10.0.0/24) tcp dport 22 accept",
    "reject with icmpx type admin-prohibited",
  ]);
  expect(chain("outside")).toEqual([
    "ip saddr (0.0.0.0/0) tcp dport 443 accept",
    "ip saddr (0.0.0.0/0) tcp dport 80 accept",
    "ip saddr (0.0.0.0/0) meta l4proto icmp accept",
    "reject with icmpx type admin-prohibited",
  ]);
  expect(files["/etc/chrony/sources.d/amazon.sources"]?.content).toMatch(/^server 169\.254\.169\.123 /m);
});
