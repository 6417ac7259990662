import { Resolver } from "node:dns/promises";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { startLocalCloud, stopLocalCloud } from "../../local/client.js";
import { makeLabFolder } from "../lab-folder.js";
import { runPlaybook } from "../conformance/ansible.js";
import { listeningCloud, type ListeningCloud } from "../conformance/listening-cloud.js";
import { publicKey, token } from "../unit/local-api-client.js";

const examples = join(import.meta.dirname, "../../local/examples");

let cloud: ListeningCloud;
let folder: string;
beforeAll(async () => {
  cloud = await listeningCloud();
  folder = await mkdtemp(join(tmpdir(), "dukaan-examples-"));
});
afterAll(async () => {
  await cloud?.cloud.close();
  await rm(folder, { recursive: true, force: true });
});

/** What the cloud has, by its list's name. */
async function list(kind: string): Promise<Record<string, unknown>[]> {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await cloud.cloud.app.inject({ url: `/v1/${kind}`, headers });
  return answer.json<Record<string, Record<string, unknown>[]>>()[kind] ?? [];
}

async function keyFile(seed: number): Promise<string> {
  const file = join(folder, `key-${seed}.pub`);
  await writeFile(file, publicKey(seed));
  return file;
}

test("the example for Hetzner's own command runs with the one of Debian", async () => {
  const env = { ...cloud.where, HOME: folder };
  const { stdout } = await execa("sh", [join(examples, "hcloud.sh"), await keyFile(1)], { env });
  expect(stdout).toMatch(/web +running +203\.0\.113\.\d+ .*\(inside\)/);
  const [network] = await list("networks");
  expect(await list("servers")).toMatchObject([
    { name: "web", status: "running", private_net: [{ network: network?.["id"] }] },
  ]);
  expect(await list("ssh_keys")).toMatchObject([{ name: "me" }]);
  const snapshots = (await list("images")).filter(({ type }) => type === "snapshot");
  expect(snapshots).toMatchObject([{ description: "golden", status: "available" }]);
});

/** A `hcloud` that knows zones (1.54 or newer); there is none among Debian's packages. */
const newer = process.env["DUKAAN_HCLOUD"] ?? "";

test.runIf(newer !== "")(
  "with a newer command the example for DNS runs, and names are answered",
  async () => {
    const home = await makeLabFolder("/var/lib");
    process.env["DUKAAN_LOCAL_HOME"] = home;
    const options = { instance: "examples", onProgress: () => {} };
    try {
      const real = await startLocalCloud(options);
      const env = {
        HCLOUD_ENDPOINT: real.endpoint,
        HCLOUD_TOKEN: real.token,
        HOME: folder,
        PATH: `${dirname(newer)}${delimiter}${process.env["PATH"]}`,
      };
      await execa("sh", [join(examples, "hcloud.sh"), await keyFile(3)], { env });
      const { stdout } = await execa("sh", [join(examples, "hcloud-dns.sh")], { env });
      const { stdout: address } = await execa(newer, ["server", "ip", "web"], { env });
      expect(address).toMatch(/^203\.0\.113\.\d+$/);
      expect(stdout).toMatch(new RegExp(`^www +A +${address}$`, "m"));
      const resolver = new Resolver({ timeout: 2000, tries: 5 });
      resolver.setServers([new URL(real.objectStorage.endpoint).hostname]);
      expect(await resolver.resolve4("www.shop.example")).toEqual([address]);
    } finally {
      await stopLocalCloud(options.instance, options);
      delete process.env["DUKAAN_LOCAL_HOME"];
      await rm(home, { recursive: true, force: true });
    }
  },
  600_000,
);

test("the example for Ansible runs, and changes nothing when it is run again", async () => {
  const run = async () =>
    runPlaybook(
      join(examples, "ansible", "playbook.yml"),
      { public_key_file: await keyFile(2) },
      { ...cloud.where },
    );
  const first = await run();
  expect(first).toMatch(/ok=5 +changed=4 .*failed=0/);
  expect(first).toMatch(/"msg": "203\.0\.113\.\d+"/);
  const made = (await list("servers")).find(({ name }) => name === "ansible");
  expect(made).toMatchObject({ status: "running", private_net: [{ ip: "10.0.1.1" }] });
  expect(await run()).toMatch(/ok=5 +changed=0 .*failed=0/);
}, 600_000);

test("the example for Terraform consists of types of resources that the plugin's test makes", async () => {
  const text = await readFile(join(examples, "terraform", "main.tf"), "utf8");
  const types = [...text.matchAll(/^resource "hcloud_(\w+)"/gm)].map(([, type = ""]) => type);
  const program = await readFile(join(import.meta.dirname, "../conformance/pulumi.ts"), "utf8");
  expect(types.length).toBeGreaterThan(5);
  for (const type of types) {
    const name = type.replaceAll(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());
    expect(program).toContain(`new hcloud.${name}(`);
  }
});

/** Terraform or OpenTofu that finds the provider hetznercloud/hcloud (TF_CLI_CONFIG_FILE); no registry here has them. */
const terraform = process.env["DUKAAN_TERRAFORM"] ?? "";

test.runIf(terraform !== "")(
  "with Terraform its example is made, changes nothing when it is applied again, and is destroyed",
  async () => {
    // The first example has taken the same names.
    const own = await listeningCloud();
    onTestFinished(() => own.cloud.close());
    const run = (...words: string[]) =>
      execa(terraform, [...words, "-no-color", "-input=false", `-var=public_key=${publicKey(4)}`], {
        cwd: join(folder, "terraform"),
        env: own.where,
        reject: false,
        all: true,
      });
    await cp(join(examples, "terraform"), join(folder, "terraform"), { recursive: true });
    const made = await run("apply", "-auto-approve");
    expect(made.all).toContain("Apply complete! Resources: 7 added, 0 changed, 0 destroyed.");
    const again = await run("plan", "-detailed-exitcode");
    expect(again).toMatchObject({ exitCode: 0, all: expect.stringContaining("No changes.") });
    const gone = await run("destroy", "-auto-approve");
    expect(gone.all).toContain("Destroy complete! Resources: 7 destroyed.");
  },
  600_000,
);
