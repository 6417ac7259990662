import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { base } from "../../src/roles/base/index.js";
import { machineNamed } from "../../src/topology/topology.js";
import { topologyOf } from "../../stacks/index.js";
import { settingsOnAws } from "../unit/on-aws.js";

/**
 * The rules that machines on AWS get, in a real kernel: two network namespaces, one the machine with its private address,
 * the other everybody else. What AWS would let through by its security groups is not part of it.
 */
const machine = `dukaan-aws-m${process.pid}`;
const others = `dukaan-aws-o${process.pid}`;
const topology = topologyOf(settingsOnAws({ "dukaan:stage": "fleet" }));
const ports = [22, 80, 443, 5432, 8443];
let folder: string;

const ip = (...words: string[]) => execa("ip", words);
const inMachine = (...words: string[]) => execa("ip", ["netns", "exec", machine, ...words]);

/** Listens at every port and at UDP 68, and says what datagrams came. */
const listener = `
import select, socket, sys
open_ones = [socket.create_server(("", int(port)), backlog=64) for port in sys.argv[1:]]
lease = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
lease.bind(("", 68))
print("ready", flush=True)
while True:
    for one in select.select([*open_ones, lease], [], [])[0]:
        if one is lease:
            lease.recvfrom(100)
            print("lease", flush=True)
        else:
            one.accept()[0].close()
`;
/** Asks ports from one address: for each "open", or the reason why not. */
const asker = `
import errno, json, socket, sys
answers = {}
for port in sys.argv[3:]:
    try:
        socket.create_connection((sys.argv[2], int(port)), timeout=20, source_address=(sys.argv[1], 0)).close()
        answers[port] = "open"
    except OSError as error:
        answers[port] = errno.errorcode.get(error.errno, str(error))
print(json.dumps(answers))
`;
const lease = `
import socket, sys
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.bind((sys.argv[1], 67))
one.sendto(b"lease", (sys.argv[2], 68))
`;

const door = "10.10.0.77";
const doorOfTheOtherZone = "10.10.128.77";
const stranger = "203.0.113.7";
const router = "10.10.2.1";
const addresses = Object.fromEntries(
  topology.machines.map(({ name, privateAddress }) => [name, privateAddress]),
);
const everybody = [door, doorOfTheOtherZone, stranger, router, ...Object.values(addresses)];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dukaan-aws-firewall-"));
  await ip("netns", "add", machine);
  await ip("netns", "add", others);
  await ip(
    "link",
    "add",
    "veth0",
    "netns",
    machine,
    "type",
    "veth",
    "peer",
    "name",
    "veth0",
    "netns",
    others,
  );
  for (const namespace of [machine, others]) {
    await ip("-n", namespace, "link", "set", "lo", "up");
    await ip("-n", namespace, "link", "set", "veth0", "up");
  }
  await ip("-n", machine, "route", "add", "default", "dev", "veth0");
});
afterAll(async () => {
  for (const namespace of [machine, others]) await ip("netns", "del", namespace).catch(() => {});
  await rm(folder, { recursive: true, force: true });
});

/** The machine of this name, with the rules that it gets. */
async function become(name: string): Promise<string> {
  const about = machineNamed(topology, name);
  const { files = [] } = base({ topology, machine: about, authorizedKeys: [] });
  const rules = files.find(({ path }) => path === "/etc/nftables.conf")?.content as string;
  await writeFile(join(folder, "nftables.conf"), rules);
  await inMachine("nft", "--file", join(folder, "nftables.conf"));
  await ip("-n", machine, "address", "flush", "dev", "veth0");
  await ip("-n", others, "address", "flush", "dev", "veth0");
  await ip("-n", machine, "address", "add", `${about.privateAddress}/32`, "dev", "veth0");
  await ip("-n", machine, "route", "replace", "default", "dev", "veth0");
  for (const address of everybody.filter((one) => one !== about.privateAddress))
    await ip("-n", others, "address", "add", `${address}/32`, "dev", "veth0");
  await ip("-n", others, "route", "replace", about.privateAddress, "dev", "veth0");
  return about.privateAddress;
}

/** What is open; whatever is not is refused by the machine, and not lost. */
async function openTo(from: string, to: string): Promise<number[]> {
  const words = ["python3", "-c", asker, from, to, ...ports.map(String)];
  const { stdout } = await execa("ip", ["netns", "exec", others, ...words]);
  const answers = Object.entries(JSON.parse(stdout) as Record<string, string>);
  const closed = answers.filter(([, answer]) => answer !== "open");
  expect(closed.filter(([, answer]) => answer !== "EHOSTUNREACH")).toEqual([]);
  return answers.filter(([, answer]) => answer === "open").map(([port]) => Number(port));
}

/** Asks AWS about the machine, as a user: "answered", or why not. */
const metadataAsker = `
import os, pwd, socket, sys
os.setuid(pwd.getpwnam(sys.argv[1]).pw_uid)
one = socket.socket()
one.settimeout(20)
try:
    one.connect(("169.254.169.254", 80))
    print("answered")
except OSError as error:
    print(type(error).__name__, error.errno)
`;

test("nobody but root asks AWS about the machine", async () => {
  await become("app-1");
  await ip("-n", others, "address", "add", "169.254.169.254/32", "dev", "veth0");
  const listening = execa("ip", ["netns", "exec", others, "python3", "-c", listener, "80"], {
    reject: false,
  });
  try {
    await once(listening.stdout, "data");
    const ask = (name: string) => inMachine("python3", "-c", metadataAsker, name);
    expect((await ask("root")).stdout).toBe("answered");
    for (const name of ["nobody", "www-data"])
      expect((await ask(name)).stdout).toBe(`OSError ${constants.errno.EHOSTUNREACH}`);
  } finally {
    listening.kill();
    await listening;
  }
});

test.each([
  ["edge-1", { [stranger]: [80, 443], [door]: [22], "app-1": [] }],
  ["app-1", { [stranger]: [], [door]: [22], "edge-1": [8443], "app-2": [], "database-1": [] }],
  ["database-1", { [stranger]: [], [door]: [22], "app-1": [5432], "app-2": [5432], "edge-1": [] }],
])("%s takes on AWS what is declared, and nothing else", async (name, expected) => {
  const address = await become(name);
  const listening = execa("ip", ["netns", "exec", machine, "python3", "-c", listener, ...ports.map(String)], {
    reject: false,
  });
  const said: string[] = [];
  listening.stdout.on("data", (chunk) => said.push(...String(chunk).trim().split("\n")));
  try {
    await expect.poll(() => said).toContain("ready");
    const seen: Record<string, number[]> = {};
    for (const from of Object.keys(expected)) seen[from] = await openTo(addresses[from] ?? from, address);
    expect(seen).toEqual(expected);
    expect(await openTo(doorOfTheOtherZone, address)).toEqual([]);
    // An answer to what was asked by broadcast belongs to no connection.
    await execa("ip", ["netns", "exec", others, "python3", "-c", lease, router, address]);
    await expect.poll(() => said).toContain("lease");
  } finally {
    listening.kill();
    await listening;
  }
});
